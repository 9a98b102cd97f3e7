"""Saturated sigmoids and tanhs: at their flat ends, almost no gradient passes."""

from __future__ import annotations

from dlcore.diagnosis.finding import Confidence, Finding, Kind
from dlcore.diagnosis.number_format import percent
from dlcore.diagnosis.rule import STUCK, Rule
from dlcore.diagnosis.run_evidence import Evidence

_SHARE = 0.5  # of a layer's outputs


def check(run: Evidence) -> Finding | None:
    """Find the layer with the largest share of saturated outputs in the last record."""
    if run.layers is None:
        return None
    shares = {name: run.layers.last(name, "saturated") for name in run.layers.layers_with("saturated")}
    layer = max(shares, key=lambda name: shares[name], default="")
    if not layer or not shares[layer] >= _SHARE:
        return None
    suffers = run.poor
    kind: Kind = "fault" if suffers or shares[layer] > 0.9 else "note"
    confidence: Confidence = "likely" if suffers else "possible"
    step = run.layers.first_step(layer, "saturated", _SHARE)
    return Finding(
        "saturated_units",
        f"{percent(shares[layer])} of the outputs of {layer} ({run.layers.kind_of(layer)}) lie where its derivative is "
        f"below 1% of its peak, since step {step:,}",
        confidence,
        kind,
        {"saturated": shares[layer]},
        layer,
        step,
        (run.settings.flag("model.activation", "ReLU") if run.settings.activation in ("sigmoid", "tanh") else ())
        or run.settings.flag("model.batch_norm", "true"),
        "use ReLU, smaller initial weights or batch normalisation",
    )


RULE = Rule("saturated_units", check, (*STUCK, "vanishing_gradients", "learning_rate_too_low"), needs_layers=True)
