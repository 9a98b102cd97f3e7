"""Batch normalisation with batches of so few samples that its statistics are chance."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_FEW = 4


def check(run: Evidence) -> Finding | None:
    """Find batch normalisation in a run with tiny batches."""
    size = float(run.module.get("batch_norm") or 0)
    if not 1 <= size <= _FEW:
        return None
    return Finding(
        _(
            "batch normalisation takes mean and spread of batches of {size:.0f}: they differ from batch to batch, so "
            "that training is worse than it could be, and evaluation uses others"
        ).format(size=size),
        "likely",
        numbers={"batch_size": size},
        flags=run.settings.flag("data.batch_size", 32),
        advice=_("batches of 16 and more, or another normalisation (group or layer)"),
    )


RULE = Rule(
    N_("tiny norm batch"),
    check,
    ("label_noise", "unsteady", "underfitting", "validation_not_comparable"),
    is_cause=True,
)
