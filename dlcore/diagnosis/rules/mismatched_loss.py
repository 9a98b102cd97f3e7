"""A loss that does not fit the network's outputs: activations applied twice, other shapes, a wrong sign."""

from collections.abc import Mapping
from typing import Any

from dlcore.diagnosis.rule import NO_PROGRESS, THROWN_OFF, Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

# What was found in the first batch (`dlcore.callbacks.loss_check`), and the remedy.
_TEXTS = {
    "softmax_twice": (
        N_("the network's outputs are probabilities already, and {loss} applies softmax once more"),
        N_("return raw scores"),
    ),
    "softmax_over_batch": (
        N_("the outputs sum to 1 over the batch, not over the classes, and {loss} applies softmax once more"),
        N_("return raw scores"),
    ),
    "sigmoid_twice": (
        N_("the outputs have passed a sigmoid, and {loss} expects raw scores"),
        N_("return raw scores"),
    ),
    "rectified": (
        N_("the outputs have passed a ReLU, and {loss} expects raw scores: a class whose score is 0 gets no gradient"),
        N_("return raw scores"),
    ),
    "not_log_probabilities": (
        N_("{loss} expects logarithms of probabilities, and the outputs are none: it falls without end"),
        N_("take cross_entropy, or log_softmax(dim=1) before the loss"),
    ),
    "shapes": (
        N_(
            "outputs {outputs} and targets {targets} differ in shape, so {loss} compares each output with each target: "
            "only the mean can be learned"
        ),
        N_("give both one shape: outputs.squeeze(1)"),
    ),
    "maximised": (
        N_("the training step returns {loss} times -1, so training makes it larger"),
        N_("return the loss itself"),
    ),
}


def describe(found: Mapping[str, Any]) -> tuple[str, str]:
    """Return what was found, and the remedy; empty texts for an unknown kind."""
    text, remedy = _TEXTS.get(str(found.get("what")), ("", ""))
    shown = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return (_(text).format(**shown), _(remedy)) if text else ("", "")


def check(run: Evidence) -> Finding | None:
    """Report what the first batch showed."""
    event = run.event("mismatched_loss") or {}
    text, remedy = describe(event)
    if not text or event["what"] == "softmax_twice":  # has a rule of its own, which says how low the loss can fall
        return None
    return Finding(text, "certain", advice=remedy)


RULE = Rule(
    N_("mismatched loss"),
    check,
    ("softmax_twice", "learning_rate_too_low", "vanishing_gradients", "wide_initialization", *THROWN_OFF, *NO_PROGRESS),
)
