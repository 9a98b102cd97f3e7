"""The learning rate over a whole run, without training: the real schedule, stepped as in training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities.model_helpers import is_overridden

from dlcore.callbacks import EarlyStopping, ReduceLROnPlateau
from dlcore.errors import ArgumentError, FitError
from dlcore.insight.short_training import detached_copy, read_data, train_loader
from dlcore.lightning_compat import attach, callbacks_of
from dlcore.models import Model
from dlcore.models.optimization import batches_of_epoch, steps_of_run
from dlcore.optim import warmup_factor
from dlcore.optim.factories import step_schedule


@dataclass(frozen=True)
class SchedulePreview:
    """The learning rate of every optimiser step of a run.

    Attributes:
        name: The schedule's class; empty without one.
        per_batch: Whether it is stepped for each optimiser step (else for each epoch).
        rates: Rate of each optimiser step (S,).
        steps_per_epoch: Optimiser steps in an epoch.
        batches_per_epoch: Batches in an epoch.
        samples: Training samples, None if unknown.
        warmup_steps: First steps, in which the rate grows from near 0.
        notes: What may change the rate or end the run, and is not known before: a sentence each.
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
        """Steps, counted from 1, whose rate differs from that of the previous step."""
        return np.flatnonzero(np.diff(self.rates)) + 2


def preview_schedule(model: LightningModule, datamodule: LightningDataModule, trainer: Trainer) -> SchedulePreview:
    """Step a model's schedule over a run, without training.

    The data are read only for their number of samples. A million steps take some seconds.

    Args:
        model: Any LightningModule. Of several optimisers the preview uses the first one.
        datamodule: The data.
        trainer: The trainer: epochs, steps, batches, processes.

    Raises:
        FitError: The run has no end.
        ArgumentError: The schedule is shorter than the run, or a setting of the data is wrong.
    """
    read_data(datamodule)
    # As at the start of a fit: a model may ask its trainer for the run's length, and create layers only now.
    if not isinstance(model, Model):
        model = detached_copy(model)
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
        raise FitError("trainer.max_epochs: expected at least one step, got none.")
    if not isinstance(model, Model):
        model.setup("fit")
        model.configure_model()
    trainer.strategy.connect(model)
    trainer.strategy.setup_optimizers(trainer)
    optimizer = trainer.optimizers[0]
    if not optimizer.param_groups:
        raise FitError(f"model: expected an optimiser, got none from configure_optimizers of {type(model).__name__}.")
    schedules = [each for each in trainer.lr_scheduler_configs if each.scheduler.optimizer is optimizer]
    drawn = [each for each in schedules if not each.reduce_on_plateau and model.automatic_optimization]
    per_batch = any(each.interval == "step" for each in drawn)
    every = 1 if per_batch else steps_per_epoch
    rates = _step_through(model, optimizer, drawn, -(-total // every), steps_per_epoch // every)
    rates = np.repeat(rates, every)[:total]
    warmup_steps = model.warmup_steps if isinstance(model, Model) else 0
    warm = min(warmup_steps, total)
    rates[:warm] *= [warmup_factor(step, warmup_steps) for step in range(warm)]
    part = getattr(datamodule, "parts", {}).get("train")
    return SchedulePreview(
        " and ".join(type(each.scheduler).__name__ for each in drawn),
        per_batch,
        rates,
        steps_per_epoch,
        batches,
        len(part) if part is not None else None,
        warmup_steps,
        [*_notes(trainer), *_own_notes(model, trainer)],
    )


def _step_through(
    model: LightningModule, optimizer: torch.optim.Optimizer, schedules: list[Any], steps: int, of_epoch: int
) -> np.ndarray:
    """Return the rate at the start of each step (S,): an optimiser step, or an epoch if no schedule counts steps."""
    group = optimizer.param_groups[0]
    rates = np.full(steps, float(group["lr"]))
    if not schedules:
        return rates
    # Without gradients a step changes nothing; torch warns if a schedule is stepped before its optimiser.
    optimizer.step(lambda: 0.0)
    for step in range(steps):
        rates[step] = group["lr"]
        epoch, place = divmod(step + 1, of_epoch)
        for each in schedules:
            count = (place or of_epoch) if each.interval == "step" else 0 if place else epoch
            if count and count % each.frequency == 0:
                _take_step(model, each.scheduler)
    return rates


def _take_step(model: LightningModule, schedule: Any) -> None:
    try:
        model.lr_scheduler_step(schedule, None)
    except ValueError:
        try:
            step_schedule(schedule)  # raises the error that a training would raise
        except ArgumentError as error:
            raise error.within("model") if isinstance(model, Model) else FitError(str(error)) from error
        raise


def _notes(trainer: Trainer) -> list[str]:
    notes = []
    for callback in callbacks_of(trainer):
        if isinstance(callback, ReduceLROnPlateau):
            notes.append(
                f"reduce_lr_on_plateau cuts the rate when {callback.monitor} stops improving: that depends on results, "
                "so it cannot be drawn."
            )
        if isinstance(callback, EarlyStopping):
            notes.append(f"early_stopping may end the run before its last step, by {callback.monitor}.")
    return notes


def _own_notes(model: LightningModule, trainer: Trainer) -> list[str]:
    name, notes = type(model).__name__, []
    if len(trainer.optimizers) > 1:
        notes.append(f"{name} has {len(trainer.optimizers)} optimizers: this is the rate of the first.")
    if not model.automatic_optimization and trainer.lr_scheduler_configs:
        notes.append(f"{name} optimises by hand and steps its schedules itself: they cannot be drawn.")
    elif plateaus := [each.monitor for each in trainer.lr_scheduler_configs if each.reduce_on_plateau]:
        notes.append(f"ReduceLROnPlateau cuts the rate when {plateaus[0]} stops improving: that cannot be drawn.")
    if is_overridden("optimizer_step", model):
        notes.append(f"{name}.optimizer_step may set the rate itself: that cannot be drawn.")
    return notes
