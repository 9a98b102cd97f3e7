"""Inputs so large that the first steps damage the network, such as pixels from 0 to 255."""

import math

from dlcore.diagnosis.layer_looks import INPUTS
from dlcore.diagnosis.rule import THROWN_OFF, Finding, Rule, percent, short, times
from dlcore.diagnosis.run_evidence import Evidence

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
    seen = f"mean {short(mean)}, standard deviation {short(std)}, largest {short(maximum)}"
    seen = seen if measured else f"divided by {run.settings.number('data.scale'):g} only"
    text = f"the inputs are large ({seen})"
    return Finding(
        f"{text}, and {harm}" if harm else f"{text}; training works, but only with small learning rates",
        "certain" if harm and measured and run.poor else "likely" if harm else "possible",
        "fault" if harm else "note",
        {"mean": mean, "std": std, "maximum": maximum} if measured else {"std": std},
        INPUTS,
        flags=_flags(run),
        advice="scale or standardise the inputs, so that their standard deviation is near 1",
    )


def _harm(run: Evidence) -> str:
    """Describe the harm to the training; empty if there is none."""
    if not run.finite:
        return "the loss did not stay finite"
    if run.peak_loss > 3 * run.chance_loss and run.skill("train") < 0.85:
        return f"the loss rose to {short(run.peak_loss)}, {times(run.peak_loss / run.chance_loss)} that of guessing"
    if run.poor:
        return f"even the training samples are learned badly ({_result(run)})"
    return ""


def _result(run: Evidence) -> str:
    accuracy = run.last("train/accuracy")
    return f"loss {short(run.last('train/loss'))}" if math.isnan(accuracy) else f"accuracy {percent(accuracy)}"


def _flags(run: Evidence) -> tuple[str, ...]:
    data = run.settings.text("data")
    if data == "FashionMNIST":
        return run.settings.flag("data.scale", 255)
    if data == "Table" and run.settings.values.get("data.standardize") is False:
        return run.settings.flag("data.standardize", "true")
    return ()


RULE = Rule("unscaled_input", check, (*THROWN_OFF, "vanishing_gradients", "learning_rate_too_low"), is_cause=True)
