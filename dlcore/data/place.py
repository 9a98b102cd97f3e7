"""Where in a run its data stand, by the trainer's own counters: those that a checkpoint brings back."""

from __future__ import annotations

from lightning.pytorch import Trainer


def place_in_run(trainer: Trainer) -> tuple[int, int]:
    """The epoch, and how many of its batches are done."""
    return trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_progress.current.ready


def stands_within_epoch(trainer: Trainer | None) -> bool:
    """Whether some of an epoch's batches are done and some are not."""
    if trainer is None:
        return False
    progress = trainer.fit_loop.epoch_loop.batch_progress
    return not progress.is_last_batch and progress.current.ready > 0
