"""A loss that is NaN or infinite: from there on, nothing is learned."""

import math

import numpy as np

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Find the first loss that is not finite."""
    first: tuple[str, int, float | None] | None = None
    for name in ("train/loss_step", "train/loss", "val/loss"):
        curve = run.curve(name)
        lost = np.flatnonzero(~np.isfinite(curve.values))
        if len(lost) and (first is None or curve.steps[lost[0]] < first[1]):
            place = int(lost[0])
            first = name, int(curve.steps[place]), float(curve.values[place - 1]) if place else None
    if first is None:
        return None
    name, step, before = first
    event = run.event("not_finite")
    if event is not None and isinstance(event.get("step"), int):
        step = min(step, event["step"])
    text = _("{metric} is not a number any more at step {step:,}, the first that was logged")
    if before is not None:
        text = _("{metric} is not a number any more at step {step:,}; the value before was {before}")
    return Finding(
        text.format(metric=name, step=step, before=short(math.nan if before is None else before)),
        "certain",
        numbers={} if before is None else {"before": before},
        step=step,
        flags=run.settings.changed_rate(0.1) + run.settings.flag("trainer.gradient_clip_val", 1),
        advice=_("take a smaller learning rate, clip the gradients, look for inputs that are not finite or not scaled"),
    )


RULE = Rule(N_("not finite"), check, ("saturated_units", "dead_units", "vanishing_gradients", *NO_PROGRESS))
