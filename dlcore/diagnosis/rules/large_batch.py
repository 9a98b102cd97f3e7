"""Batches so large that the run had too few updates."""

import math

from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence

_LARGE = 256  # samples
_FEW = 1000  # updates in total
_FEW_AN_EPOCH = 60
_FALLS = 0.01  # relative fall of the loss per check
_HARDLY_ANY = 100  # updates: below this, any fall of the loss counts


def check(run: Evidence) -> Finding | None:
    """Find few updates of large batches in a run whose training loss was still falling."""
    size = run.settings.number("data.batch_size")
    if not size >= _LARGE or run.steps >= _FEW or not 0 < run.steps_per_epoch <= _FEW_AN_EPOCH:
        return None
    # The user limited the epoch, so the batch size is not the cause of few updates.
    if not math.isnan(run.settings.number("trainer.limit_train_batches")):
        return None
    if not run.still_falls > (0 if run.steps < _HARDLY_ANY else _FALLS):
        return None
    samples = size * run.steps_per_epoch
    smaller = 2 ** round(math.log2(min(max(samples / 1000, 16), 128)))
    return Finding(
        f"batches of {size:,.0f} gave {run.steps_per_epoch:,.0f} update{'s' * (run.steps_per_epoch >= 1.5)} an "
        f"epoch, {run.steps:,} in all, and the "
        f"training loss was still falling by {percent(run.still_falls)} with each check",
        "likely" if run.steps < _FEW / 3 else "possible",
        numbers={"batch_size": size, "steps": float(run.steps), "falls": run.still_falls},
        flags=run.settings.flag("data.batch_size", smaller),
        advice="take smaller batches, or train for more epochs",
    )


RULE = Rule("large_batch", check, ("stopped_too_early", "underfitting", "class_collapse"), is_cause=True)
