"""Position of the data in a run, by the trainer's own counters, which a checkpoint restores."""

from __future__ import annotations

from lightning.pytorch import Trainer


def place_in_run(trainer: Trainer) -> tuple[int, int]:
    """Return the epoch, and how many of its batches are done."""
    return trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_progress.current.ready


def stands_within_epoch(trainer: Trainer | None) -> bool:
    """Return whether an epoch is in progress: some of its batches are done and some are not."""
    if trainer is None:
        return False
    progress = trainer.fit_loop.epoch_loop.batch_progress
    return not progress.is_last_batch and progress.current.ready > 0
