"""Training batches with one class only: samples sorted by class and not shuffled, or almost no other class."""

from dlcore.diagnosis.layer_looks import OUTPUTS
from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_LOOKS = 3  # records; with fewer it may be chance
_FEW = 8  # samples per batch; with fewer it may be chance too


def check(run: Evidence) -> Finding | None:
    """Find a run in which every record has targets of one class only."""
    if run.settings.number("data.batch_size") < _FEW:
        return None
    steps, shares = run.layers.over_time(OUTPUTS, "top_target")
    if len(shares) < _LOOKS or not (shares == 1).all():
        return None
    return Finding(
        _(
            "all {n} records have targets of one class only: the samples are sorted by class and "
            "not shuffled, or nearly all are of one class"
        ).format(n=len(shares)),
        "likely",
        "fault" if run.poor or run.validation_is_poor else "note",
        {"looks": float(len(shares))},
        OUTPUTS,
        int(steps[0]),
        advice=_(
            "shuffle the training samples (DataLoader(..., shuffle=True)), and see how common each class is "
            "(python -m dlcore check)"
        ),
    )


RULE = Rule(N_("single class"), check, ("learning_rate_too_high", "dead_units", *NO_PROGRESS), is_cause=True)
