"""Inputs so small that the first layer's gradients, which are proportional to them, vanish."""

import math

from dlcore.diagnosis.layer_looks import INPUTS
from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_TINY = 0.01  # standard deviation
_PIXELS = 90.0  # standard deviation of FashionMNIST's pixels from 0 to 255


def check(run: Evidence) -> Finding | None:
    """Find tiny inputs, and check whether batch normalisation compensates."""
    std, maximum = run.input("std"), run.input("maximum")
    measured = not math.isnan(std)
    if not measured and run.settings.text("data") == "FashionMNIST":
        std = _PIXELS / run.settings.number("data.scale")
    if not 0 < std < _TINY:
        return None
    normed = run.settings.batch_norm or (run.layers.has_kind("BatchNorm", "LayerNorm"))
    text = _("the inputs are tiny (standard deviation {std})")
    if measured:
        text = _("the inputs are tiny (standard deviation {std}, largest {maximum})")
    text = text.format(std=short(std), maximum=short(maximum))
    if normed:
        text += _("; batch normalisation scales what comes of them, slowly where they are near its epsilon")
    elif names := run.layers.layers_with("update_ratio"):
        ratio = run.layers.median(names[0], "update_ratio")
        said = _(": the weights of {layer} change by {ratio} of their size in a step")
        text += said.format(layer=names[0], ratio=short(ratio))
    scale = run.settings.text("data") == "FashionMNIST"
    standardize = run.settings.values.get("data.standardize") is False
    return Finding(
        text,
        "possible" if normed else "certain" if run.poor and measured else "likely",
        "fault" if run.poor or not normed else "note",
        {"std": std, "maximum": maximum} if measured else {"std": std},
        INPUTS,
        flags=run.settings.flag("data.scale", 255)
        if scale
        else run.settings.flag("data.standardize", "true")
        if standardize
        else run.settings.flag("model.batch_norm", "true"),
        advice=_("scale the inputs, so that their standard deviation is near 1, or use batch normalisation"),
    )


RULE = Rule(
    N_("tiny input"),
    check,
    (*NO_PROGRESS, "vanishing_gradients", "dead_units", "learning_rate_too_low", "large_batch"),
    is_cause=True,
)
