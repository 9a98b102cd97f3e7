"""Batches so large that there were few updates in all: each is good, but training had no time."""

from __future__ import annotations

import math

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Confidence, Finding
from dlcore.diagnosis.rule import Rule
from dlcore.diagnosis.wording import percent

_LARGE = 256  # samples
_FEW = 1000  # updates in all
_FEW_AN_EPOCH = 60
_FALLS = 0.01  # of the loss, with each check
_HARDLY_ANY = 100  # updates: they count as too few where the loss falls at all


def look(run: Evidence) -> Finding | None:
    """Find few updates of large batches in a run whose training loss was still falling."""
    size = run.settings.number("data.batch_size")
    if not size >= _LARGE or run.steps >= _FEW or not 0 < run.steps_per_epoch <= _FEW_AN_EPOCH:
        return None
    # A part of an epoch was wanted: few updates are no matter of the batch.
    if not math.isnan(run.settings.number("trainer.limit_train_batches")):
        return None
    if not run.still_falls > (0 if run.steps < _HARDLY_ANY else _FALLS):
        return None
    confidence: Confidence = "likely" if run.steps < _FEW / 3 else "possible"
    samples = size * run.steps_per_epoch
    smaller = 2 ** round(math.log2(min(max(samples / 1000, 16), 128)))
    return Finding(
        "large_batch",
        f"batches of {size:,.0f} gave {run.steps_per_epoch:,.0f} update{'s' * (run.steps_per_epoch >= 1.5)} an "
        f"epoch, {run.steps:,} in all, and the "
        f"training loss was still falling by {percent(run.still_falls)} with each check",
        confidence,
        numbers={"batch_size": size, "steps": float(run.steps), "falls": run.still_falls},
        flags=run.settings.flag("data.batch_size", smaller),
        advice="take smaller batches, or train for more epochs",
    )


RULE = Rule("large_batch", look, ("stopped_too_early", "underfitting", "class_collapse"), is_cause=True)
