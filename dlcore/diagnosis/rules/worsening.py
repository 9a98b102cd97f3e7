"""Validation that got worse while training did not improve: later steps undid earlier progress."""

import math

import numpy as np

from dlcore.diagnosis.curve_shape import smoothed
from dlcore.diagnosis.rule import Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_RISE = 0.25  # relative to the lowest validation loss
_POINTS = 0.02  # fall of the accuracy, from the best check to the last


def check(run: Evidence) -> Finding | None:
    """Find a validation loss well above its minimum, with an accuracy below its best."""
    values = run.values("val/loss")
    if len(values) < 4 or not run.finite:
        return None
    smooth = smoothed(values)
    rise = float(smooth[-1] / smooth.min() - 1) if smooth.min() > 0 else 0.0
    accuracies = run.values("val/accuracy")
    lost = float(accuracies.max() - smoothed(accuracies)[-1]) if len(accuracies) else math.nan
    if rise < (2 * _RISE if math.isnan(lost) else _RISE) or lost < _POINTS:
        return None
    best = int(np.argmin(values))
    return Finding(
        _("the validation loss was best at {moment} ({best}) and ended at {last}").format(
            moment=run.moment("val/loss", best), best=short(values[best]), last=short(values[-1])
        ),
        "possible",
        numbers={"rise": rise} | ({} if math.isnan(lost) else {"accuracy_lost": lost}),
        step=int(run.curve("val/loss").steps[best]),
        flags=run.settings.changed_rate(0.1),
        advice=_("take a smaller learning rate, or a schedule that lowers it"),
    )


RULE = Rule(N_("worsening"), check, ("unsteady", "plateau"))
