"""The learning rate over a whole run, before anything is trained: the real schedule, stepped as training steps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, Trainer

from dlcore.callbacks import EarlyStopping, ReduceLROnPlateau
from dlcore.errors import ArgumentError, FitError
from dlcore.insight.training_data import read_data, train_loader
from dlcore.lightning_compat import attach
from dlcore.models import Model
from dlcore.models.schedules import batches_of_epoch, step_schedule, steps_of_run
from dlcore.optim import warmup_factor


@dataclass(frozen=True)
class SchedulePreview:
    """The learning rate of every optimiser step of a run.

    Attributes:
        name: The schedule's class; empty without one.
        per_batch: Whether it takes a step for each optimiser step (else for each epoch).
        rates: Rate that each optimiser step takes (S,).
        steps_per_epoch: Optimiser steps in an epoch.
        batches_per_epoch: Batches in an epoch.
        samples: Training samples, None where the data don't say.
        warmup_steps: Steps at the beginning in which the rate grows from near 0.
        notes: What may change the rate or end the run, and cannot be known before: a sentence each.
    """

    name: str
    per_batch: bool
    rates: np.ndarray
    steps_per_epoch: int
    batches_per_epoch: int
    samples: int | None
    warmup_steps: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def changes(self) -> np.ndarray:
        """Steps, counted from 1, that take another rate than the step before them."""
        return np.flatnonzero(np.diff(self.rates)) + 2


def preview_schedule(model: Model, datamodule: LightningDataModule, trainer: Trainer) -> SchedulePreview:
    """Step a model's schedule over a run, without training.

    The data are read for their number of samples only. A million steps take some seconds.

    Args:
        model: The model, with its optimiser and schedule.
        datamodule: The data.
        trainer: The trainer: epochs, steps, batches, processes.

    Raises:
        FitError: The run has no end.
        ArgumentError: The schedule is shorter than the run, or a setting of the data is wrong.
    """
    read_data(datamodule)
    # As a fit begins: a model may ask its trainer how long the run will be.
    attach(trainer, model, datamodule)
    train_loader(datamodule, trainer)
    batches = batches_of_epoch(trainer)
    if batches is None:
        raise FitError("data: expected a number of batches in an epoch, got a loader that does not say it.")
    if batches < 1:
        limit = trainer.limit_train_batches
        raise ArgumentError("trainer.limit_train_batches", "at least one of an epoch's batches", limit)
    if trainer.max_epochs == -1 and trainer.max_steps < 0:
        raise FitError("trainer.max_epochs: expected an end of the run, got -1. For example: --trainer.max_epochs 20")
    steps_per_epoch = -(-batches // trainer.accumulate_grad_batches)
    total = steps_of_run(trainer)
    if total < 1:
        raise FitError("trainer.max_epochs: expected at least one step to look at, got none.")
    configured: Any = model.configure_optimizers()
    if isinstance(configured, torch.optim.Optimizer):
        configured = {"optimizer": configured}
    config = configured.get("lr_scheduler", {})
    schedule, per_batch = config.get("scheduler"), config.get("interval") == "step"
    rates = _step_through(configured["optimizer"], schedule, total if per_batch else -(-total // steps_per_epoch))
    if not per_batch:
        rates = np.repeat(rates, steps_per_epoch)[:total]
    warmup_steps = min(model.warmup_steps, total)
    rates[:warmup_steps] *= [warmup_factor(step, model.warmup_steps) for step in range(warmup_steps)]
    part = getattr(datamodule, "parts", {}).get("train")
    return SchedulePreview(
        type(schedule).__name__ if schedule is not None else "",
        per_batch,
        rates,
        steps_per_epoch,
        batches,
        len(part) if part is not None else None,
        model.warmup_steps,
        _notes(trainer),
    )


def _step_through(optimizer: torch.optim.Optimizer, schedule: Any, steps: int) -> np.ndarray:
    """The rate at the beginning of each of the schedule's own steps (S,)."""
    group = optimizer.param_groups[0]
    rates = np.empty(steps)
    if schedule is None:
        rates[:] = float(group["lr"])
        return rates
    # Without gradients a step changes nothing; torch warns of a schedule that is stepped before its optimiser.
    optimizer.step(lambda: torch.zeros(()))  # type: ignore[arg-type, return-value]
    take_step = schedule.step
    try:
        for step in range(steps):
            rates[step] = group["lr"]
            take_step()
    except ValueError:
        try:
            step_schedule(schedule)  # says what a training would say there
        except ArgumentError as error:
            raise error.within("model") from error
        raise
    return rates


def _notes(trainer: Trainer) -> list[str]:
    notes = []
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, ReduceLROnPlateau):
            notes.append(
                f"reduce_lr_on_plateau cuts the rate when {callback.monitor} stops improving: that depends on results, "
                "so it cannot be drawn."
            )
        if isinstance(callback, EarlyStopping):
            notes.append(f"early_stopping may end the run before its last step, by {callback.monitor}.")
    return notes
