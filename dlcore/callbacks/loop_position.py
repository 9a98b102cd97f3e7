"""Position in Lightning's loops at which a checkpoint was written, and how to resume exactly there.

Lightning skips what follows a checkpoint: the validation and the epoch's end after a checkpoint at an epoch's last
batch; the step of `ReduceLROnPlateau` and the epoch's logged means after one at the epoch's end.
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
    """Position in the loops at which a checkpoint was written."""

    WITHIN_STEP = "in the middle of a step"
    BATCH_END = "after a batch"
    VALIDATION = "before or in a validation"
    VALIDATION_END = "after a validation"
    EPOCH_END = "at the end of an epoch"
    BETWEEN_EPOCHS = "between two epochs"


def position(loops: dict[str, Any]) -> Position:
    """Return the position for a checkpoint's loop state (``checkpoint["loops"]["fit_loop"]``)."""
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
    """Set the loops to continue where the interrupted run stopped. Call after restoring all other state."""
    where = position(loops)
    fit_loop, loop = trainer.fit_loop, trainer.fit_loop.epoch_loop
    if where is not Position.WITHIN_STEP:
        fit_loop.load_state_dict(loops)  # undo Lightning's own changes to it
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
