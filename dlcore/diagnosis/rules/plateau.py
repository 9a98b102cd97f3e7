"""Validation without improvement for many checks, at a constant learning rate."""

import numpy as np

from dlcore.diagnosis.curve_shape import checks_since_best
from dlcore.diagnosis.rule import Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_CHECKS = 8


def check(run: Evidence) -> Finding | None:
    """Find many checks since the best one, at a constant learning rate."""
    losses, rates = run.values("val/loss"), run.values("lr")
    # The recorded rates of a short run are few: a cut may lie between them.
    if (
        run.event("learning_rate_cut")
        or len(losses) <= _CHECKS
        or not run.finite
        or not len(rates)
        or not np.allclose(rates, rates[0], rtol=1e-3)
    ):
        return None
    since = checks_since_best(losses)
    if since < max(_CHECKS, len(losses) / 4):
        return None
    curve = run.curve("val/loss")
    place = len(losses) - 1 - since
    return Finding(
        _(
            "validation, best at {moment} ({best}), has not improved in {since} checks, and the rate was never lowered"
        ).format(moment=run.moment("val/loss", place), best=short(losses[place]), since=since),
        "likely",
        "note",
        {"checks": float(since), "best": float(losses[place])},
        step=int(curve.steps[place]),
        flags=() if run.settings.is_on("reduce_lr_on_plateau") else run.settings.flag("reduce_lr_on_plateau", "on"),
        advice=_("lower the learning rate where validation stops improving"),
    )


RULE = Rule(N_("plateau"), check)
