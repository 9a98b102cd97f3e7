"""A loss that swings from check to check instead of falling."""

from dlcore.diagnosis.curve_shape import swing
from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SWINGS = 0.1  # mean, relative to the loss


def check(run: Evidence) -> Finding | None:
    """Find a training loss whose checks lie far from their smoothed curve."""
    train = swing(run.values("train/loss"))
    val = swing(run.values("val/loss"))
    # Ignore a loss near 0: its relative swings mean nothing.
    swings = train > _SWINGS or (train > _SWINGS / 3 and val > _SWINGS)
    if not swings or not run.finite or run.last("train/loss") < 0.2 * run.chance_loss:
        return None
    text = _("the training loss swings by {train} from check to check")
    if val > _SWINGS:
        text = _("the training loss swings by {train} from check to check, the validation loss by {val}")
    return Finding(
        text.format(train=percent(train), val=percent(val)),
        "possible",
        "note",
        {"train": train} | ({"val": val} if val == val else {}),
        flags=run.settings.changed_rate(0.3),
        advice=_("take a smaller learning rate, larger batches, or a schedule that lowers the rate"),
    )


RULE = Rule(N_("unsteady"), check)
