"""Inputs that are the same for every sample: nothing distinguishes them."""

from dlcore.diagnosis.layer_looks import INPUTS
from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_ALL = 0.99  # share of a sample's numbers


def check(run: Evidence) -> Finding | None:
    """Find inputs whose numbers are the same in all samples of every record."""
    shares = run.layers.over_time(INPUTS, "dead")[1]
    if not len(shares) or not shares.min() >= _ALL:
        return None
    return Finding(
        _("{share} of the input's numbers are the same in all samples: the network cannot tell them apart").format(
            share=percent(float(shares.min()))
        ),
        "certain",
        numbers={"constant": float(shares.min())},
        layer=INPUTS,
        advice=_("look at the samples as the network gets them: python -m dlcore show data"),
    )


_SYMPTOMS = ("repeated_samples", "dead_units", "vanishing_gradients", "learning_rate_too_low", *NO_PROGRESS)
RULE = Rule(N_("constant input"), check, _SYMPTOMS)
