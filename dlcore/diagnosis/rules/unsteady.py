"""A loss that swings from check to check instead of falling."""

from dlcore.diagnosis.curve_shape import swing
from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence

_SWINGS = 0.1  # mean, relative to the loss


def check(run: Evidence) -> Finding | None:
    """Find a training loss whose checks lie far from their smoothed curve."""
    train = swing(run.values("train/loss"))
    val = swing(run.values("val/loss"))
    # Ignore a loss near 0: its relative swings mean nothing.
    swings = train > _SWINGS or (train > _SWINGS / 3 and val > _SWINGS)
    if not swings or not run.finite or run.last("train/loss") < 0.2 * run.chance_loss:
        return None
    return Finding(
        f"the training loss swings by {percent(train)} from check to check"
        + (f", the validation loss by {percent(val)}" if val > _SWINGS else ""),
        "possible",
        "note",
        {"train": train} | ({"val": val} if val == val else {}),
        flags=run.settings.changed_rate(0.3),
        advice="take a smaller learning rate, larger batches, or a schedule that lowers the rate",
    )


RULE = Rule("unsteady", check)
