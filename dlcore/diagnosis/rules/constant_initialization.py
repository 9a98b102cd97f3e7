"""Equal initial units: they get the same gradient in each step and stay equal, so the layer acts as one unit."""

import math

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_NO_DIFFERENCE = 1e-5  # difference between units relative to the largest weight: rounding errors only


def check(run: Evidence) -> Finding | None:
    """Find a hidden layer whose units were all equal before the first step."""
    names = run.layers.layers_with("weight_std")
    # The output layer may start with equal units: their targets make them differ.
    alike = [
        name
        for name in names[:-1]
        if (spread := run.layers.first(name, "unit_spread")) == 0 or (math.isnan(spread) and _is_constant(run, name))
    ]
    if not alike:
        return None
    layer = alike[0]
    value = run.layers.first(layer, "weight_max")
    spreads = run.layers.over_time(layer, "unit_spread")[1]
    width = run.layers.last(layer, "weight_max")
    stayed = bool(len(spreads) > 1 and spreads[-1] <= _NO_DIFFERENCE * width)
    text = _("the weights of {layers} all began alike")
    if _is_constant(run, layer):
        text = _("the weights of {layers} all began at {value}, so that the units are alike")
    if stayed:
        text += _(", and still are after {steps:,} steps")
    return Finding(
        text.format(layers=_(", ").join(alike), value=short(value), steps=run.steps),
        "certain" if stayed else "likely",
        numbers={"unit_spread": float(spreads[0]) if len(spreads) else 0.0, "layers": float(len(alike))},
        layer=layer,
        step=0,
        flags=run.settings.flag("model.initializer", "default"),
        advice=_("begin with weights drawn at random"),
    )


def _is_constant(run: Evidence, layer: str) -> bool:
    return run.layers.first(layer, "weight_std") <= _NO_DIFFERENCE * run.layers.first(layer, "weight_max")


RULE = Rule(
    N_("constant initialization"),
    check,
    (
        "learning_rate_too_high",
        *NO_PROGRESS,
        "vanishing_gradients",
        "dead_units",
        "saturated_units",
        "learning_rate_too_low",
    ),
    is_cause=True,
)
