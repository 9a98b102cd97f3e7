"""Results at chance level although the weights change: the network learned nothing that generalises."""

import math

import numpy as np

from dlcore.diagnosis.rule import STUCK, Finding, Rule, percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_CHANCE = 0.07  # skill between chance (0) and perfect (1)
_ENOUGH = 100  # steps
_WELL = 0.8  # skill between chance (0) and perfect (1)


def check(run: Evidence) -> Finding | None:
    """Find validation at chance level in the whole run, with any training result."""
    trained = not run.learned_nothing
    # Ignore runs with few steps, unless training did well: then validation should have improved too.
    if not run.finite or (run.steps < _ENOUGH and not run.skill("train") > _WELL):
        return None
    moves = math.isnan(run.fastest_update) or run.fastest_update > 1e-6
    if not moves or not (_stays_at_chance(run) if run.is_classifier else _explains_nothing(run)):
        return None
    text = _("{result}: nothing is learned, though the weights move")
    if trained:
        text = _("{result}: what it memorises does not generalise")
    return Finding(
        text.format(result=_result(run)),
        "likely" if len(run.values("val/loss")) > 2 and run.layers else "possible",
        numbers={name: run.last(name) for name in ("train/loss", "val/loss") if name in run.curves},
        advice=_(
            "see whether the labels belong to the inputs (python -m dlcore show data), and whether this kind of "
            "network can see what they follow from"
        ),
    )


def _stays_at_chance(run: Evidence) -> bool:
    chance = run.chance_accuracy
    part = "val/accuracy" if "val/accuracy" in run.curves else "train/accuracy"
    accuracies, losses = run.values(part), run.values(part.replace("accuracy", "loss"))
    # Use the mean of the later checks: with few samples, the best check is above chance by luck.
    mean = float(np.mean(accuracies[len(accuracies) // 2 :])) if len(accuracies) else math.nan
    # A loss below that of guessing shows learning, even if the most common class is still the best prediction.
    informed = bool(len(losses)) and np.min(losses) < 0.97 * run.prior_loss
    return (mean - chance) / (1 - chance) < _CHANCE and not informed


def _explains_nothing(run: Evidence) -> bool:
    part = "val/r2" if "val/r2" in run.curves else "train/r2"
    values = run.values(part)
    # Always predicting the mean gives R² 0. A run far below 0 has not reached that yet.
    return len(values) > 2 and bool(np.max(values) < 0.02) and values[-1] > -0.2 and not run.still_falls > 0.01


def _result(run: Evidence) -> str:
    if not run.is_classifier:
        return _("R² is {r2}").format(r2=short(run.last("val/r2" if "val/r2" in run.curves else "train/r2")))
    parts = {_("training"): run.last("train/accuracy"), _("validation"): run.last("val/accuracy")}
    seen = _(", ").join(f"{name} {percent(value)}" for name, value in parts.items() if not math.isnan(value))
    said = _("accuracy is at chance ({seen}; chance is {chance})")
    return said.format(seen=seen, chance=percent(run.chance_accuracy))


RULE = Rule(N_("no learning"), check, STUCK)
