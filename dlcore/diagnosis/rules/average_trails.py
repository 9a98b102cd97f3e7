"""Validation with averaged weights, in a run too short for the average to have caught up."""

from __future__ import annotations

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Finding
from dlcore.diagnosis.rule import Rule
from dlcore.diagnosis.wording import short


def look(run: Evidence) -> Finding | None:
    """Find a validation loss far above training's while the average still holds early weights."""
    decay = run.settings.number("weight_averaging.decay")
    train, val = run.last("train/loss"), run.last("val/loss")
    if not decay < 1 or run.steps > 5 / (1 - decay) or not val > 1.2 * train:
        return None
    return Finding(
        "average_trails",
        f"validation uses an average of the weights over about the last {1 / (1 - decay):,.0f} steps, and there were "
        f"{run.steps:,}: it trails behind (loss {short(val)}, training {short(train)})",
        "likely",
        "note",
        {"decay": decay, "steps": float(run.steps)},
        advice="train longer, or --weight_averaging off",
    )


RULE = Rule("average_trails", look, excuses=("no_learning", "overfitting", "underfitting", "worsening"))
