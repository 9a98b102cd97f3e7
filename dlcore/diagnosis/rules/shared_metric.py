"""One metric object for training and validation: each counts samples of the other, and training's value is lost."""

import numpy as np

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Report a training metric that validation emptied (`dlcore.diagnosis.emptied_metrics`)."""
    # Without a finite loss, NaN has another reason.
    if not run.emptied or not run.finite:
        return None
    first = run.emptied[0]
    text = _(
        "{train} and {val} are one metric object: {val} counts training samples too, and resetting it loses {train}"
    )
    if not first.is_recorded:
        text = _(
            "{train} is {value} in each epoch and {val} is not: probably one metric object for both, which validation "
            "resets before training's value is read"
        )
    value = "0" if np.any(first.values == 0) else "NaN"
    return Finding(
        text.format(train=first.train, val=first.val, value=value),
        "certain" if first.is_recorded else "likely",
        numbers={"metrics": float(len(run.emptied))},
        advice=_("give each part its own object: self.train_acc = …, self.val_acc = self.train_acc.clone()"),
    )


RULE = Rule(N_("shared metric"), check)
