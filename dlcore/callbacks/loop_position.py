"""Where in Lightning's loops a checkpoint was written, and how a resumed run goes on from just there.

Lightning forgets what comes after a checkpoint: one written after an epoch's last batch skips the validation and the
epoch's end, one written at the epoch's end skips the step of `ReduceLROnPlateau` and the epoch's logged means.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from lightning.pytorch import Trainer

from dlcore.lightning_compat import (
    end_batch,
    end_epoch,
    end_restart,
    go_back_to_end_of_batch,
    validate_from_the_beginning,
    validation_follows,
)


class Position(Enum):
    """Where a checkpoint was written."""

    WITHIN_STEP = "in the middle of a step"
    BATCH_END = "after a batch"
    VALIDATION = "before or in a validation"
    VALIDATION_END = "after a validation"
    EPOCH_END = "at the end of an epoch"
    BETWEEN_EPOCHS = "between two epochs"


def position(loops: dict[str, Any]) -> Position:
    """Where the state of the loops in a checkpoint (``checkpoint["loops"]["fit_loop"]``) stands."""
    batch = loops["epoch_loop.batch_progress"]["current"]
    epoch = loops["epoch_progress"]["current"]
    validation = loops["epoch_loop.val_loop.batch_progress"]
    if epoch["completed"] == epoch["processed"] == epoch["ready"]:
        return Position.BETWEEN_EPOCHS
    if epoch["processed"] == epoch["ready"]:
        return Position.EPOCH_END
    if batch["processed"] < batch["ready"] or not batch["ready"]:
        return Position.WITHIN_STEP
    if batch["completed"] < batch["processed"]:
        return Position.BATCH_END
    ended = validation["is_last_batch"] and validation["current"]["completed"] == validation["current"]["ready"]
    return Position.VALIDATION_END if ended else Position.VALIDATION


def go_on_from(trainer: Trainer, loops: dict[str, Any]) -> None:
    """Make the loops do next what the interrupted run would have done next. Called when all else is restored.

    Args:
        trainer: The trainer, at the start of its training.
        loops: The state of the loops in the checkpoint.
    """
    where = position(loops)
    fit_loop, loop = trainer.fit_loop, trainer.fit_loop.epoch_loop
    if where is not Position.WITHIN_STEP:
        fit_loop.load_state_dict(loops)  # what Lightning has made of it for itself is taken back
    end_restart(trainer)
    if where is Position.WITHIN_STEP:
        return
    if where is Position.EPOCH_END:
        end_epoch(trainer)
    if where is Position.EPOCH_END or trainer.max_steps == -1:
        current: Any = fit_loop.epoch_progress.current
        current.completed = current.processed
    if where in (Position.EPOCH_END, Position.BETWEEN_EPOCHS):
        fit_loop.on_iteration_done()
        loop.restarting = False
        return
    go_back_to_end_of_batch(trainer)
    if where is Position.BATCH_END:
        loop.batch_progress.increment_completed()
    if not validation_follows(trainer):
        end_batch(trainer)
    elif where is not Position.VALIDATION_END:
        validate_from_the_beginning(trainer)
