"""Training samples that are copies of each other: far fewer than they seem."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_COPIES = 0.3  # share of the training samples


def check(run: Evidence) -> Finding | None:
    """Compare the number of different samples with the number of samples."""
    distinct, hashed = run.samples.get("distinct", 0), run.samples.get("hashed", 0)
    if not hashed or not 1 - distinct / hashed > _COPIES:
        return None
    text = _("of {all:,} training samples only {distinct:,} differ")
    return Finding(
        text.format(all=hashed, distinct=distinct),
        "certain",
        "fault" if run.poor or run.validation_is_poor or run.skill("train") - run.skill("val") > 0.1 else "note",
        {"distinct": float(distinct), "hashed": float(hashed)},
        advice=_("remove the copies; for more samples take augmentation, which changes them"),
    )


RULE = Rule(N_("repeated samples"), check, ("overfitting", "worsening"))
