"""Batches so large that the run had too few updates."""

import math

from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _, ngettext

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
    text = ngettext(
        "batches of {size:,.0f} gave {n:,.0f} update an epoch, {steps:,} in all, and the training loss was still "
        "falling by {falls} with each check",
        "batches of {size:,.0f} gave {n:,.0f} updates an epoch, {steps:,} in all, and the training loss was still "
        "falling by {falls} with each check",
        1 + (run.steps_per_epoch >= 1.5),
    )
    return Finding(
        text.format(size=size, n=run.steps_per_epoch, steps=run.steps, falls=percent(run.still_falls)),
        "likely" if run.steps < _FEW / 3 else "possible",
        numbers={"batch_size": size, "steps": float(run.steps), "falls": run.still_falls},
        flags=run.settings.flag("data.batch_size", smaller),
        advice=_("take smaller batches, or train for more epochs"),
    )


RULE = Rule(N_("large batch"), check, ("stopped_too_early", "underfitting", "class_collapse"), is_cause=True)
