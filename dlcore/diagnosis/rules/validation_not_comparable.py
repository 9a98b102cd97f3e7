"""A training loss above the validation loss because only training has dropout or augmentation: no fault."""

import numpy as np

from dlcore.diagnosis.rule import Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_ABOVE = 1.01  # training loss / validation loss, the median over the checks


def check(run: Evidence) -> Finding | None:
    """Find a training loss above the validation loss in a run with dropout or augmentation."""
    trains, vals = run.values("train/loss"), run.values("val/loss")
    if not len(trains) or len(trains) != len(vals) or not run.finite:
        return None
    train, val = float(trains[-1]), float(vals[-1])
    dropouts = [f"{name} {value:g}" for name, value in run.settings.dropouts.items()]
    reasons = dropouts + [f"{name} {value:g}" for name, value in run.settings.augmentations.items()]
    if not reasons or not train > val or not np.median(trains / vals) > _ABOVE:
        return None
    text = _("training loss ({train}) is higher than validation loss ({val}), as expected: only training uses {causes}")
    causes = _(", ").join(reasons[:2])
    if len(reasons) > 2:
        causes = _("{causes} and {n} more").format(causes=causes, n=len(reasons) - 2)
    return Finding(
        text.format(train=short(train), val=short(val), causes=causes),
        "certain",
        "note",
        {"train": train, "val": val},
    )


RULE = Rule(N_("validation not comparable"), check)
