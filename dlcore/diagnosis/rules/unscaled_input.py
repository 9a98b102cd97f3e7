"""Inputs so large that the first steps damage the network, such as pixels from 0 to 255."""

import math

from dlcore.diagnosis.layer_looks import INPUTS
from dlcore.diagnosis.rule import THROWN_OFF, Finding, Rule, percent, short, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_LARGE = 10.0  # standard deviation; scaled or standardised inputs have about 0.3 to 1
_PIXELS = 90.0  # standard deviation of FashionMNIST's pixels from 0 to 255


def check(run: Evidence) -> Finding | None:
    """Find large inputs, and check whether they harmed the training."""
    std, mean, maximum = (run.input(name) for name in ("std", "mean", "maximum"))
    measured = not math.isnan(std)
    if not measured and run.settings.text("data") == "FashionMNIST":
        std = _PIXELS / run.settings.number("data.scale")
    if not std > _LARGE:
        return None
    harm = _harm(run)
    text = _("the inputs are large (divided by {scale:g} only)")
    if measured:
        text = _("the inputs are large (mean {mean}, standard deviation {std}, largest {maximum})")
    scale = run.settings.number("data.scale")
    text = text.format(mean=short(mean), std=short(std), maximum=short(maximum), scale=scale)
    said = _("{finding}, and {harm}") if harm else _("{finding}; training works, but only with small learning rates")
    return Finding(
        said.format(finding=text, harm=harm),
        "certain" if harm and measured and run.poor else "likely" if harm else "possible",
        "fault" if harm else "note",
        {"mean": mean, "std": std, "maximum": maximum} if measured else {"std": std},
        INPUTS,
        flags=_flags(run),
        advice=_("scale or standardise the inputs, so that their standard deviation is near 1"),
    )


def _harm(run: Evidence) -> str:
    """Describe the harm to the training; empty if there is none."""
    if not run.finite:
        return _("the loss did not stay finite")
    if run.peak_loss > 3 * run.chance_loss and run.skill("train") < 0.85:
        said = _("the loss rose to {peak}, {times} that of guessing")
        return said.format(peak=short(run.peak_loss), times=times(run.peak_loss / run.chance_loss))
    if not run.poor:
        return ""
    accuracy = run.last("train/accuracy")
    if math.isnan(accuracy):
        said = _("even the training samples are learned badly (loss {result})")
        return said.format(result=short(run.last("train/loss")))
    return _("even the training samples are learned badly (accuracy {result})").format(result=percent(accuracy))


def _flags(run: Evidence) -> tuple[str, ...]:
    data = run.settings.text("data")
    if data == "FashionMNIST":
        return run.settings.flag("data.scale", 255)
    if data == "Table" and run.settings.values.get("data.standardize") is False:
        return run.settings.flag("data.standardize", "true")
    return ()


RULE = Rule(N_("unscaled input"), check, (*THROWN_OFF, "vanishing_gradients", "learning_rate_too_low"), is_cause=True)
