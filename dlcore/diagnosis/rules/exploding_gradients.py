"""Gradients far larger than their weights, while the weights have not grown."""

import numpy as np

from dlcore.diagnosis.layer_looks import LayerLooks
from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_LARGE = 100.0  # norm of the gradient / norm of the weights
_THROWN = 0.3  # relative change of the weights in a step
_GROWN = 5.0  # growth of the weights above which the learning rate is the cause instead
_NEAR = 10  # steps


def check(run: Evidence) -> Finding | None:
    """Find the first record with a gradient far larger than its weights, in a run with a poor result."""
    if not run.poor:
        return None
    # Large targets also give large gradients: they are a fault only if they change the weights strongly.
    thrown = max((run.layers.over_time(name, "update_ratio")[1].max() for name in run.layers.update_ratios), default=0)
    if run.finite and not thrown > _THROWN:
        return None
    found = None
    for name in run.layers.layers_with("gradient_norm"):
        steps, gradients = run.layers.over_time(name, "gradient_norm")
        weights = run.layers.first(name, "weight_norm")
        large = np.flatnonzero(gradients >= _LARGE * weights) if weights > 0 else np.array([], dtype=int)
        if len(large) and (found is None or steps[large[0]] < found[3]):
            gradient = float(gradients[large[0]])
            found = name, gradient / weights, gradient, int(steps[large[0]])
    if found is None or _grown(run.layers, found[3]) > _GROWN:
        return None
    layer, ratio, gradient, step = found
    return Finding(
        _("at step {step:,} the gradient of {layer} is {times} as large as its weights (norm {norm})").format(
            step=step, layer=layer, times=times(ratio), norm=short(gradient)
        ),
        "likely",
        numbers={"gradient_norm": gradient, "ratio": ratio},
        layer=layer,
        step=step,
        flags=run.settings.flag("trainer.gradient_clip_val", 1.0) + run.settings.changed_rate(0.1),
        advice=_("clip the gradients, take a smaller learning rate, or scale targets and initial weights down"),
    )


def _grown(layers: LayerLooks, step: int) -> float:
    """Return the growth of the weights at the step: in the record before it, or in its own if that is far away."""
    before = layers.steps[layers.steps < step]
    at = before[-1] if len(before) and step - before[-1] <= _NEAR else step
    grown = 1.0
    for name in layers.layers_with("weight_std"):
        steps, widths = layers.over_time(name, "weight_std")
        here = widths[steps == at]
        grown = max(grown, float(here[0] / widths[0])) if len(here) and widths[0] > 0 else grown
    return grown


RULE = Rule(
    N_("exploding gradients"),
    check,
    (
        *("not_finite", "learning_rate_too_high", "exploding_gradients_through_time", "dead_units", "saturated_units"),
        *NO_PROGRESS,
    ),
)
