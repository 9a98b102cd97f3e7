"""Steps that overshoot: the loss jumps up, the weights are flung far from where they began, and training ends badly."""

from __future__ import annotations

import math

import numpy as np

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Confidence, Finding
from dlcore.diagnosis.rule import STUCK, Rule
from dlcore.diagnosis.wording import percent, short, times

_GROWN = 5.0  # times as wide as at the start
_JUMP = 3.0  # times the loss of guessing, or the first loss
_FAST = 0.05  # of the weights' size in a step


def look(run: Evidence) -> Finding | None:
    """Find what an overshooting rate leaves behind, where training ended badly."""
    if not (run.poor or _worsened(run)):
        return None
    growth = run.layers.growth if run.layers is not None else {}
    layer = max(growth, key=lambda name: growth[name], default="")
    signs, numbers = [], {}
    peak, jump = _peak(run)
    if jump > _JUMP:
        beside = "what it began with" if math.isnan(run.chance_loss) else "that of guessing"
        signs.append(f"the loss rose to {short(peak)}, {times(jump)} {beside}")
        numbers |= {"highest_loss": peak, "jump": jump}
    if layer and growth[layer] > _GROWN and not math.isnan(run.skill("train")):
        signs.append(f"the weights of {layer} spread to {times(growth[layer])} their first width")
        numbers |= {"growth": growth[layer]}
    if run.fastest_update > _FAST:
        signs.append(f"weights change by {percent(run.fastest_update)} of their size in a step")
        numbers |= {"update_ratio": run.fastest_update}
    if not signs:
        return None
    confidence: Confidence = "certain" if len(signs) > 1 and "growth" in numbers else "likely"
    if run.layers is None and len(signs) < 2 and run.finite and not _worsened(run):
        confidence = "possible"
    highest_adaptive = run.settings.is_adaptive and run.settings.lr >= 0.05
    return Finding(
        "learning_rate_too_high",
        f"{run.settings.rate} is too high: {', and '.join(signs)}{_result(run)}",
        confidence,
        numbers=numbers | ({"lr": run.settings.lr} if not math.isnan(run.settings.lr) else {}),
        layer=layer if "growth" in numbers else "",
        flags=run.settings.changed_rate(0.01 if run.learned_nothing or highest_adaptive else 0.1),
        advice="take a learning rate a tenth as large (python -m dlcore lr_find suggests one)",
    )


def _worsened(run: Evidence) -> bool:
    """Whether the training loss ended well above its own lowest value."""
    losses = run.values("train/loss")
    return len(losses) > 2 and bool(losses[-1] > 1.3 * np.nanmin(losses)) and losses[-1] > 0.3 * run.chance_loss


def _peak(run: Evidence) -> tuple[float, float]:
    """The highest finite training loss, and how many times the loss of guessing it is; without classes: the first."""
    series = [run.values(name) for name in ("train/loss_step", "train/loss")]
    series = [values[np.isfinite(values)] for values in series]
    series = [values for values in series if len(values)]
    if not series:
        return math.nan, math.nan
    highest = float(max(values.max() for values in series))
    start = run.chance_loss if not math.isnan(run.chance_loss) else float(series[0][0])
    return highest, highest / start if start > 0 else math.nan


def _result(run: Evidence) -> str:
    accuracy = run.last("train/accuracy")
    if not run.finite:
        return "; in the end it was no number any more"
    return "" if math.isnan(accuracy) else f"; training accuracy ended at {percent(accuracy)}"


RULE = Rule(
    "learning_rate_too_high",
    look,
    ("not_finite", "saturated_units", "dead_units", "learning_rate_too_low", *STUCK),
    is_cause=True,
)
