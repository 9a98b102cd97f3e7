"""Targets of which one is far larger than another: it alone makes up the loss."""

from dlcore.diagnosis.rule import Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_TIMES = 30


def check(run: Evidence) -> Finding | None:
    """Compare the spreads of the columns of the targets."""
    low, high = run.samples.get("target_spreads") or (0.0, 0.0)
    if not low > 0 or not high > _TIMES * low or run.is_classifier:
        return None
    text = _("the targets' standard deviations reach from {low} to {high}: the loss hardly sees the small ones")
    return Finding(
        text.format(low=short(low), high=short(high)),
        "likely",
        numbers={"low": low, "high": high},
        advice=_("divide each column of the targets by its own standard deviation"),
    )


RULE = Rule(N_("unequal targets"), check, ("underfitting", "plateau"))
