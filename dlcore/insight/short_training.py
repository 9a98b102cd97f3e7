"""A trainer made into one that takes a few steps and leaves nothing behind."""

from __future__ import annotations

from lightning.pytorch import Callback, Trainer

from dlcore.execution.loop import ExecutionLoop
from dlcore.execution.per_batch_hooks import needs_each_batch
from dlcore.runs.link import BatchNormCheck


def shorten(trainer: Trainer, num_steps: int, watcher: Callback) -> None:
    """Make a trainer take at most so many steps, watch nothing but this, validate nothing and keep nothing.

    Args:
        trainer: The trainer. It is used up.
        num_steps: Optimiser steps.
        watcher: The only callback, beside the check of batch normalisation.
    """
    check = [callback for callback in trainer.callbacks if isinstance(callback, BatchNormCheck)]  # type: ignore[attr-defined]
    trainer.callbacks = [*check, watcher]  # type: ignore[attr-defined]
    trainer.loggers = []
    trainer.limit_val_batches = 0
    trainer.num_sanity_val_steps = 0
    trainer.fit_loop.max_epochs, trainer.fit_loop.min_epochs = -1, None
    if needs_each_batch(watcher) and isinstance(trainer.fit_loop.epoch_loop, ExecutionLoop):
        trainer.fit_loop.epoch_loop.steps = 1
    trainer.fit_loop.epoch_loop.max_steps, trainer.fit_loop.epoch_loop.min_steps = num_steps, None
