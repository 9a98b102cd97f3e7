"""How callbacks write down what happened: into the timeline of each logger that keeps one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from dlcore.callbacks.pictures import run_loggers


def record(trainer: Trainer, kind: str, text: str, **numbers: Any) -> None:
    """Write an event of now. Loggers of other kinds get nothing.

    Args:
        trainer: Whose loggers are meant, and whose step and epoch it is.
        kind: What happened, one of `dlcore.tracking.timeline.KINDS`.
        text: The same for people, with its reason.
        numbers: What else belongs to it.
    """
    for logger in run_loggers(trainer):
        logger.log_event(kind, text, trainer.global_step, epochs_done(trainer), **numbers)


def epochs_done(trainer: Trainer) -> float:
    """Epochs trained so far, with their fraction, at any moment of a fit and after it."""
    epochs, batches = trainer.fit_loop.epoch_progress.current, trainer.num_training_batches
    # The count of an epoch's batches stands until the next one begins, but the epoch itself counts once it has ended.
    whole = epochs.completed - (epochs.completed >= epochs.started and epochs.completed > 0)  # type: ignore[attr-defined]
    within = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return round(whole + (within / batches if isinstance(batches, int) and batches else 0.0), 4)


def seen_from_here(path: Path) -> str:
    """A path as seen from the working folder, where it lies below it; else the file with the folders next to it."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else os.path.join(*path.parts[-4:])  # noqa: PTH118
