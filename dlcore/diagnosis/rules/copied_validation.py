"""Validation samples that are also training samples: validation looks better than the network is."""

from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SOME = 0.02  # share of the validation samples


def check(run: Evidence) -> Finding | None:
    """Find held-out samples that are among those of training."""
    copied = float(run.samples.get("copied") or 0.0)
    if not copied > _SOME:
        return None
    text = _("at least {share} of the validation samples are also training samples, so that it looks too good")
    return Finding(
        text.format(share=percent(copied)),
        "certain",
        numbers={"copied": copied},
        advice=_("remove the copies from the files, or hold out other samples (python -m dlcore check counts them)"),
    )


RULE = Rule(N_("copied validation"), check, ("label_noise",))
