"""A network that ends with softmax before a cross-entropy that has its own."""

import math

from dlcore.diagnosis.layer_looks import OUTPUTS
from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_EXACT = 1e-4  # of the mean


def check(run: Evidence) -> Finding | None:
    """Find outputs whose rows sum to 1: their mean is 1 / K in every record, and none is above 1.

    Such outputs differ by at most 1, so the cross-entropy cannot fall below ln(1 + (K - 1) / e): 1.46 with 10 classes.
    """
    classes = run.num_classes
    means, largest = (run.layers.over_time(OUTPUTS, column)[1] for column in ("mean", "maximum"))
    if classes is None or classes < 2 or not len(means):
        return None
    lowest = math.log(1 + (classes - 1) / math.e)
    sums = abs(means * classes - 1).max()
    if sums > _EXACT or not largest.max() <= 1 + _EXACT or not run.last("train/loss") > 0.95 * lowest:
        return None
    return Finding(
        _(
            "the network's outputs are probabilities already (they sum to 1), and the cross-entropy applies softmax "
            "once more: the loss cannot fall below {lowest} (training {loss})"
        ).format(lowest=short(lowest), loss=short(run.last("train/loss"))),
        "certain",
        numbers={"lowest_loss": lowest, "train/loss": run.last("train/loss")},
        layer=OUTPUTS,
        advice=_("remove the softmax at the end of the network: it returns raw scores"),
    )


RULE = Rule(N_("softmax twice"), check, ("learning_rate_too_low", "vanishing_gradients", *NO_PROGRESS), is_cause=True)
