"""Where in Lightning's loops a checkpoint was written, and how a resumed run goes on from just there.

Lightning forgets what comes after a checkpoint: one written after an epoch's last batch skips the validation and the
epoch's end, one written at the epoch's end skips the step of `ReduceLROnPlateau` and the epoch's logged means.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.evaluation_loop import RestartStage as ValidationStage
from lightning.pytorch.loops.training_epoch_loop import RestartStage as BatchStage


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
    if where is Position.WITHIN_STEP:
        fit_loop._restarting = False
        return
    # What Lightning has made of it for itself is taken back.
    fit_loop.load_state_dict(loops)
    fit_loop._combined_loader_states_to_load = []
    if where is not Position.EPOCH_END and not fit_loop._iteration_based_training():
        _count_epoch_as_completed(trainer)
    fit_loop._restarting = False  # else the epoch's end would leave out `ReduceLROnPlateau`
    if where in (Position.EPOCH_END, Position.BETWEEN_EPOCHS):
        if where is Position.EPOCH_END:
            _end_epoch(trainer)
        fit_loop._resuming_from_checkpoint = False
        loop.restarting = False
        fit_loop.reset_restart_stage()
        return
    trainer._logger_connector._first_loop_iter = True
    if where is Position.BATCH_END:
        loop.batch_progress.increment_completed()
    loop._restart_stage = BatchStage.RESTARTED_ON_LAST
    data_fetcher: Any = fit_loop._data_fetcher
    if loop._should_check_val_fx(data_fetcher):
        # Lightning goes back to the end of the batch.
        if where is not Position.VALIDATION_END:
            _validate_from_the_beginning(trainer)
        return
    loop.update_lr_schedulers("step", update_plateau_schedulers=True)
    if not loop._should_accumulate():
        loop._batches_that_stepped += 1
    if loop._is_training_done:
        loop.val_loop._has_run = True  # nothing is left of the epoch but its end


def _validate_from_the_beginning(trainer: Trainer) -> None:
    validation = trainer.fit_loop.epoch_loop.val_loop
    total: Any = validation.batch_progress.total
    begun = total.completed - validation.batch_progress.current.completed
    total.ready = total.started = total.processed = total.completed = begun
    validation.batch_progress.reset_on_run()
    validation._restart_stage = ValidationStage.RESTARTED_MID_EVALUATION


def _end_epoch(trainer: Trainer) -> None:
    """What Lightning does after the hooks of an epoch's end."""
    fit_loop, loop, connector = trainer.fit_loop, trainer.fit_loop.epoch_loop, trainer._logger_connector
    connector.epoch_end_reached()
    connector.on_epoch_end()
    if loop._num_ready_batches_reached():
        loop.update_lr_schedulers("epoch", update_plateau_schedulers=True)
    loop._batches_that_stepped -= 1
    connector.update_train_epoch_metrics()
    loop._batches_that_stepped += 1
    fit_loop.epoch_progress.increment_completed()
    _count_epoch_as_completed(trainer)


def _count_epoch_as_completed(trainer: Trainer) -> None:
    current: Any = trainer.fit_loop.epoch_progress.current
    current.completed = current.processed
