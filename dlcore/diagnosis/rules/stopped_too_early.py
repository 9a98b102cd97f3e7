"""A run that was still improving when its epochs were over."""

from __future__ import annotations

import math

import numpy as np

from dlcore.diagnosis.curve_shape import checks_since_best, fall_at_end
from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Finding
from dlcore.diagnosis.rule import Rule
from dlcore.diagnosis.wording import percent, short

_FALLS = 0.015  # of the validation loss, with each check
_ANNEALED = 0.05  # last rate, as a share of the highest


def look(run: Evidence) -> Finding | None:
    """Find a validation loss whose best value is the last or last but one, and that falls towards it."""
    losses, rates = run.values("val/loss"), run.values("lr")
    falls = fall_at_end(losses)
    if len(losses) < 2 or not run.finite or checks_since_best(losses) > 1 or not falls > _FALLS:
        return None
    # A schedule that came to its end would have to be stretched: more epochs alone change the whole run.
    if run.event("stopped_early") or (len(rates) and rates[-1] < _ANNEALED * np.max(rates)):
        return None
    return Finding(
        "stopped_too_early",
        f"validation was still improving at the end (loss {short(losses[-1])}, {percent(falls)} less with each check)",
        "likely",
        "note",
        {"falls": falls, "val_loss": float(losses[-1])},
        flags=_longer(run),
        advice="train longer",
    )


def _longer(run: Evidence) -> tuple[str, ...]:
    if not run.epochs >= 1:
        return ()
    epochs = 2 * math.ceil(run.epochs)
    # A cosine rises again beyond its length: it has to grow with the run.
    return run.settings.flag("trainer.max_epochs", epochs) + run.settings.flag("model.lr_scheduler.T_max", epochs)


RULE = Rule("stopped_too_early", look)
