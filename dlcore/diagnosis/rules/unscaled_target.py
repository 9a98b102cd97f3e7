"""Regression targets far from 0, where predictions start, so that training is slow at any learning rate."""

import math

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short
from dlcore.diagnosis.rules.learning_rate_too_high import FAR
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_LARGE = 100.0  # first error, about the size of the targets
_POOR = 0.3  # R²


def check(run: Evidence) -> Finding | None:
    """Find a first error that indicates large targets, in a run with a poor result."""
    errors, shares = run.values("train/rmse"), run.values("train/r2")
    if not len(errors) or not len(shares) or not errors[0] > _LARGE or not run.last("train/r2") < _POOR:
        return None
    if run.settings.number("model.target_std") > 0:  # standardised
        return None
    # Whatever the targets, these rates are wrong: an adaptive optimiser's steps do not depend on the loss's size.
    lr, usual = run.settings.lr, run.settings.usual_lr
    if lr <= usual / FAR**2 or (run.settings.is_adaptive and lr >= FAR**2 * usual):
        return None
    spread = float(errors[0] / math.sqrt(1 - shares[0])) if shares[0] < 1 else math.nan  # R² is 1 - rmse²/variance
    if not 0 < spread < math.inf:
        return None
    unit = run.settings.number("data.target_unit")
    better = unit * 10.0 ** math.floor(math.log10(spread))
    flags = run.settings.flag("data.standardize_target", "true") if run.settings.has("model.target_std") else ()
    if not flags and better >= 10 * unit:
        flags = run.settings.flag("data.target_unit", f"{better:g}")
    return Finding(
        _(
            "the targets are large (standard deviation {std}, the first answers were off by {error}), and networks "
            "begin with answers near 0: R² ended at {r2}"
        ).format(std=short(spread), error=short(errors[0]), r2=short(run.last("train/r2"))),
        "certain" if errors[0] > 10 * _LARGE and run.finite else "likely",
        numbers={"std": spread, "first_error": float(errors[0])},
        flags=flags,
        advice=_(
            "give the targets in a unit in which they are about 1, and subtract their mean where it is far larger "
            "than their spread"
        ),
    )


RULE = Rule(
    N_("unscaled target"),
    check,
    ("exploding_gradients", "learning_rate_too_high", "learning_rate_too_low", *NO_PROGRESS),
    is_cause=True,
)
