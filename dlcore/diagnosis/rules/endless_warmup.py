"""A warm-up of the learning rate that is longer than the run."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHARE = 0.8  # of the run that may be warm-up


def check(run: Evidence) -> Finding | None:
    """Compare the warm-up with the optimiser steps of the run."""
    warmup = run.settings.number("model.warmup_steps")
    if not run.updates or not warmup > _SHARE * run.updates:
        return None
    reached = min(run.updates / warmup, 1.0)
    return Finding(
        _(
            "warmup_steps is {warmup:,.0f}, but the run had {steps:,} steps: the rate came to {reached} of {rate}"
        ).format(warmup=warmup, steps=run.updates, reached=percent(reached), rate=run.settings.rate),
        "certain",
        "fault" if reached < 1 else "note",
        {"warmup_steps": warmup, "steps": float(run.updates), "reached": reached},
        flags=run.settings.flag("model.warmup_steps", max(run.updates // 20, 1)),
        advice=_("warm up for about a twentieth of the steps"),
    )


RULE = Rule(N_("endless warmup"), check, ("unscaled_target", "learning_rate_too_low", *NO_PROGRESS), is_cause=True)
