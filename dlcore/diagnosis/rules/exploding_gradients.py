"""Gradients that dwarf the weights they belong to, while the weights themselves stay where they began."""

from __future__ import annotations

import numpy as np

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Finding
from dlcore.diagnosis.rule import STUCK, Rule
from dlcore.diagnosis.wording import short, times

_LARGE = 100.0  # gradient's norm, as a multiple of the weights'
_THROWN = 0.3  # of the weights' size in a step
_GROWN = 5.0  # weights that spread this much tell of too large a rate instead


def look(run: Evidence) -> Finding | None:
    """Find the layer whose gradient is largest beside its weights, in a run that came to nothing."""
    if run.layers is None or not run.poor or max(run.layers.growth.values(), default=1.0) > _GROWN:
        return None
    # Large targets make large gradients too: only where they throw the weights about are they an illness.
    thrown = max((run.layers.over_time(name, "update_ratio")[1].max() for name in run.layers.update_ratios), default=0)
    if run.finite and not thrown > _THROWN:
        return None
    found = None
    for name in run.layers.layers_with("gradient_norm"):
        steps, gradients = run.layers.over_time(name, "gradient_norm")
        weights = run.layers.first(name, "weight_norm")
        ratios = np.where(np.isfinite(gradients), gradients, 0) / weights if weights > 0 else np.zeros(len(steps))
        if found is None or ratios.max() > found[1]:
            place = int(np.argmax(ratios))
            found = name, float(ratios[place]), float(gradients[place]), int(steps[place])
    if found is None or found[1] < _LARGE:
        return None
    layer, ratio, gradient, step = found
    return Finding(
        "exploding_gradients",
        f"at step {step:,} the gradient of {layer} is {times(ratio)} as large as its weights (norm {short(gradient)})",
        "likely",
        numbers={"gradient_norm": gradient, "ratio": ratio},
        layer=layer,
        step=step,
        flags=run.settings.flag("trainer.gradient_clip_val", 1.0) + run.settings.changed_rate(0.1),
        advice="clip the gradients, take a smaller learning rate, or scale targets and initial weights down",
    )


RULE = Rule(
    "exploding_gradients",
    look,
    ("not_finite", "learning_rate_too_high", "dead_units", "saturated_units", *STUCK),
    needs_layers=True,
)
