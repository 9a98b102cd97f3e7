"""Initial weights so large that each layer amplifies its input: units saturate, or scores and gradients explode."""

import math

from dlcore.diagnosis.layer_looks import LayerLooks
from dlcore.diagnosis.rule import THROWN_OFF, Finding, Rule, short, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_WIDE = 5.0  # gain from input to output; Xavier's weights give 1, He's 1.4
_SATURATED = 0.5  # share of outputs


def check(run: Evidence) -> Finding | None:
    """Find a layer with large initial weights, in a run with a poor result or saturated units."""
    if not _suffered(run, run.layers):
        return None
    gains = _gains(run, run.layers)
    layer = next((name for name in gains if gains[name] >= _WIDE), "")
    if not layer:
        return None
    std = run.layers.first(layer, "weight_std")
    initializer = run.settings.text("model.initializer")
    text = _(
        "the weights of {layer} began with a standard deviation of {std}{initializer}: its outputs are {times} as wide "
        "as its inputs"
    )
    named = f" ({initializer})" * (initializer not in ("", "default"))
    return Finding(
        text.format(layer=layer, std=short(std), initializer=named, times=times(gains[layer])),
        "likely",
        numbers={"weight_std": std, "gain": gains[layer]},
        layer=layer,
        step=0,
        flags=run.settings.flag("model.initializer", "xavier_normal"),
        advice=_("begin with smaller weights (Xavier's for tanh and sigmoid, He's for ReLU)"),
    )


def _suffered(run: Evidence, layers: LayerLooks) -> bool:
    return run.poor or layers.greatest(layers.shares("saturated"))[1] > _SATURATED


def _gains(run: Evidence, layers: LayerLooks) -> dict[str, float]:
    """Return each linear layer's gain from input to output: standard deviation times √inputs.

    The table has no sizes. Norm and deviation give the number of weights; a layer's inputs are the outputs of the
    previous layer, and the outputs of the last layer are the classes.
    """
    names = layers.layers_with("weight_std")
    if run.num_classes is None or any(layers.kind_of(name) != "Linear" for name in names):
        return {}
    outputs = 1.0 if run.settings.text("model.task") == "binary" else float(run.num_classes)
    gains = {}
    for name in reversed(names):
        std, norm = layers.first(name, "weight_std"), layers.first(name, "weight_norm")
        if not std > 0:
            return {}
        inputs = (norm / std) ** 2 / outputs
        gains[name] = std * math.sqrt(inputs)
        outputs = inputs
    return dict(reversed(gains.items()))


RULE = Rule(
    N_("wide initialization"), check, (*THROWN_OFF, "vanishing_gradients", "learning_rate_too_low"), is_cause=True
)
