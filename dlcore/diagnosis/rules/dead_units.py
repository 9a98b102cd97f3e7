"""Units with the same output for every input: a ReLU that is never above 0 gets no gradient and stays dead."""

from __future__ import annotations

from dlcore.diagnosis.finding import Confidence, Finding, Kind
from dlcore.diagnosis.number_format import percent
from dlcore.diagnosis.rule import STUCK, Rule
from dlcore.diagnosis.run_evidence import Evidence

_MANY, _NEARLY_ALL = 0.5, 0.9  # shares of a layer's units


def check(run: Evidence) -> Finding | None:
    """Find the layer with the largest share of dead units in the last record."""
    if run.layers is None:
        return None
    shares = {name: run.layers.last(name, "dead") for name in run.layers.layers_with("dead")}
    layer = max(shares, key=lambda name: shares[name], default="")
    if not layer or not shares[layer] >= _MANY:
        return None
    kind: Kind = "fault" if run.poor or shares[layer] >= _NEARLY_ALL else "note"
    confidence: Confidence = "certain" if run.poor and shares[layer] >= _NEARLY_ALL else "likely"
    step = run.layers.first_step(layer, "dead", _MANY)
    smaller_rate = run.settings.changed_rate(0.1)
    return Finding(
        "dead_units",
        f"{percent(shares[layer])} of the units of {layer} ({run.layers.kind_of(layer)}) give the same for every "
        f"sample, {'more than half of them' if shares[layer] > _MANY else 'half of them'} since step {step:,}",
        confidence,
        kind,
        {"dead": shares[layer]},
        layer,
        step,
        smaller_rate or run.settings.flag("model.activation", "leaky_relu"),
        "take a smaller learning rate, LeakyReLU or batch normalisation",
    )


RULE = Rule("dead_units", check, (*STUCK, "learning_rate_too_low"), needs_layers=True)
