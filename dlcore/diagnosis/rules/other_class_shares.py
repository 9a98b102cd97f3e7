"""Classes that are common in training and rare in validation, or the reverse."""

import numpy as np

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_APART = 0.3  # total variation distance: the share of samples that would have to change their class
_FEW = 50  # samples of a part; fewer differ by chance


def check(run: Evidence) -> Finding | None:
    """Compare the shares of the classes in both parts."""
    counts = run.samples.get("classes") or {}
    parts = [np.array(counts.get(name, ()), dtype=float) for name in ("train", "val")]
    if len(parts[0]) < 2 or len(parts[0]) != len(parts[1]) or min(part.sum() for part in parts) < _FEW:
        return None
    train, val = (part / part.sum() for part in parts)
    apart = float(np.abs(train - val).sum() / 2)
    if not apart > _APART:
        return None
    worst = int(np.argmax(np.abs(train - val)))
    text = _("class {name} is {train} of the training samples and {val} of the validation samples")
    return Finding(
        text.format(name=worst, train=percent(float(train[worst])), val=percent(float(val[worst]))),
        "certain",
        numbers={"distance": apart, "train_share": float(train[worst]), "val_share": float(val[worst])},
        flags=run.settings.flag("data.balanced", "true"),
        advice=_("hold out samples by chance, of each class alike, or balance the training classes"),
    )


_SYMPTOMS = ("overfitting", "validation_unlike_training", "single_class", *NO_PROGRESS)
RULE = Rule(N_("other class shares"), check, _SYMPTOMS, is_cause=True)
