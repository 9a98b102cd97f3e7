"""Recording of events by callbacks in the timeline of each `RunLogger`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from dlcore.callbacks.logged_figures import run_loggers


def record(trainer: Trainer, kind: str, text: str, **numbers: Any) -> None:
    """Write an event with the current step and epoch to each `RunLogger`; skip other loggers."""
    for logger in run_loggers(trainer):
        logger.log_event(kind, text, trainer.global_step, epochs_done(trainer), **numbers)


def epochs_done(trainer: Trainer) -> float:
    """Return the epochs trained so far, with a fraction, at any time during or after a fit."""
    epochs, batches = trainer.fit_loop.epoch_progress.current, trainer.num_training_batches
    # Lightning resets the batch counter when the next epoch starts, but counts the epoch when it ends.
    whole = epochs.completed - (epochs.completed >= epochs.started and epochs.completed > 0)  # type: ignore[attr-defined]
    within = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return round(whole + (within / batches if isinstance(batches, int) and batches else 0.0), 4)


def seen_from_here(path: Path) -> str:
    """Return a path relative to the working folder if it is inside; else its last four parts."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else os.path.join(*path.parts[-4:])  # noqa: PTH118
