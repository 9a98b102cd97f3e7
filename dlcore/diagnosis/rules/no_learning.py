"""Results at chance although the weights move: nothing that carries over was found in the data."""

from __future__ import annotations

import math

import numpy as np

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Confidence, Finding
from dlcore.diagnosis.rule import STUCK, Rule
from dlcore.diagnosis.wording import percent, short

_CHANCE = 0.07  # of the way from guessing to faultless
_ENOUGH = 100  # steps


def look(run: Evidence) -> Finding | None:
    """Find validation at chance from start to end, whatever training did."""
    if not run.finite or run.steps < _ENOUGH:
        return None
    moves = math.isnan(run.fastest_update) or run.fastest_update > 1e-6
    trained = not run.learned_nothing
    if not moves or not (_stays_at_chance(run) if run.is_classifier else _explains_nothing(run)):
        return None
    confidence: Confidence = "likely" if len(run.values("val/loss")) > 2 and run.layers is not None else "possible"
    return Finding(
        "no_learning",
        f"{_result(run)}: "
        + (
            "what is learned by heart does not carry over"
            if trained
            else "nothing is learned, although the weights move"
        )
        + "; do the labels belong to the inputs, and can this network see what they follow from?",
        confidence,
        numbers={name: run.last(name) for name in ("train/loss", "val/loss") if name in run.curves},
        advice="look at samples with their labels (python -m dlcore show data), then try another kind of network",
    )


def _stays_at_chance(run: Evidence) -> bool:
    chance = run.chance_accuracy
    part = "val/accuracy" if "val/accuracy" in run.curves else "train/accuracy"
    best = float(np.max(run.values(part)))
    near = (best - chance) / (1 - chance) < _CHANCE
    # A loss that falls below guessing's knows something, even where the commonest answer stays the best one.
    return near and not run.last(part.replace("accuracy", "loss")) < 0.95 * run.chance_loss


def _explains_nothing(run: Evidence) -> bool:
    part = "val/r2" if "val/r2" in run.curves else "train/r2"
    values = run.values(part)
    return len(values) > 2 and bool(np.max(values) < 0.02) and not run.still_falls > 0.01


def _result(run: Evidence) -> str:
    if not run.is_classifier:
        return f"R² is {short(run.last('val/r2' if 'val/r2' in run.curves else 'train/r2'))}"
    parts = {"training": run.last("train/accuracy"), "validation": run.last("val/accuracy")}
    seen = ", ".join(f"{name} {percent(value)}" for name, value in parts.items() if not math.isnan(value))
    return f"accuracy is at chance ({seen}; chance is {percent(run.chance_accuracy)})"


RULE = Rule("no_learning", look, STUCK)
