"""Training clearly below validation without dropout or augmentation: wrong training labels, or an easier validation."""

import numpy as np

from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.rules.validation_unlike_training import check as unlike_inputs
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_BELOW = 0.1  # accuracy
_CHECKS = 3


def check(run: Evidence) -> Finding | None:
    """Find a training accuracy that stays far below that of validation though nothing makes training harder."""
    train, val = run.values("train/accuracy"), run.values("val/accuracy")
    if not run.is_classifier or len(train) != len(val) or len(val) < _CHECKS or run.validation_is_poor:
        return None
    harder = run.settings.dropouts or run.settings.augmentations or run.module.get("dropout")
    gap = float(np.min((val - train)[-2:]))
    # The mean over an epoch lags behind: where training still improves fast, it says nothing.
    if harder or not gap > _BELOW or train[-1] - train[-2] > gap / 3:
        return None
    unlike = unlike_inputs(run)
    if unlike is not None and unlike.numbers["train_std"] > unlike.numbers["val_std"]:  # harder inputs, as with noise
        return None
    wrong = 1 - float(train[-1] / val[-1])
    return Finding(
        _(
            "training accuracy {train} is far below validation accuracy {val}, though neither dropout nor augmentation "
            "makes training harder: about {wrong} of the training labels may be wrong, or validation has easier samples"
        ).format(train=percent(float(train[-1])), val=percent(float(val[-1])), wrong=percent(round(wrong, 2))),
        "likely",
        numbers={"train/accuracy": float(train[-1]), "val/accuracy": float(val[-1]), "wrong_share": wrong},
        advice=_(
            "look at training samples with their labels (python -m dlcore show data), and how validation was chosen"
        ),
    )


RULE = Rule(N_("label noise"), check, ("underfitting", "plateau", "stopped_too_early"))
