"""The learning-rate range test: a short training with a rising rate, and where the loss falls.

References:
    Smith (2015), "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186, section 3.3: the test.
    Smith (2018), "A disciplined approach to neural network hyper-parameters: Split 1", arXiv:1803.09820.
    Gugger (2018), "How do you find a good learning rate": exponential steps and the smoothed loss, as used here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor

from dlcore.callbacks.fine_tuning import fine_tuning_of
from dlcore.errors import ArgumentError, FitError, check_number
from dlcore.insight.short_training import detached_copy, read_data, shorten
from dlcore.lightning_compat import callbacks_of
from dlcore.models import Model

_SMOOTHING = 0.9  # a longer memory lags so much that the lowest point comes too late
_DIVERGED = 4.0  # times the lowest smoothed loss
_FIRST = 8  # steps before the smoothed loss is meaningful
_LEAST_FALL = 0.03  # share of the first loss: less is noise


@dataclass(frozen=True)
class RangeTest:
    """Measurements of a range test, and its suggestion.

    Attributes:
        rates: Learning rate of each step (S,).
        losses: Loss of each step's batch, before the step (S,).
        smoothed: Their exponentially weighted average, with bias correction (S,).
        lowest: Position of the lowest smoothed loss.
        steepest: Position where the smoothed loss falls fastest per factor of the rate; None if it hardly falls.
        diverged: Whether the test ended because the loss rose to four times its lowest value, or was not finite.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    lowest: int
    steepest: int | None
    diverged: bool

    @property
    def suggestion(self) -> float | None:
        """The rate to try, rounded to one digit; None if the loss hardly fell at any rate."""
        return None if self.steepest is None else float(f"{self.rates[self.steepest]:.0e}")


def find_learning_rate(
    model: LightningModule,
    datamodule: LightningDataModule,
    trainer: Trainer,
    lr_min: float = 1e-6,
    lr_max: float = 10.0,
    num_steps: int = 200,
) -> RangeTest:
    """Train a copy of the model for some steps, with a rate that grows by the same factor each step.

    Each step is a real training step: the model's own update, the trainer's devices, precision, clipping and
    accumulation; only schedule and warm-up are off. Nothing is logged and no file is written.

    Args:
        model: Any LightningModule with automatic optimisation. It is not changed.
        datamodule: The data.
        trainer: The trainer. It cannot be used again: create another for a training.
        lr_min: The first rate.
        lr_max: The rate of the last step, unless the loss diverges before.
        num_steps: Optimiser steps.

    Raises:
        ArgumentError: The rates or the number of steps lie outside their range.
        DlcoreError: Data or trainer cannot work with their settings, or the module optimises manually.
    """
    check_number("lr_min", lr_min, above=0)
    check_number("lr_max", lr_max, above=lr_min)
    check_number("num_steps", num_steps, at_least=20, remedy="Fewer do not show a curve.")
    if not model.automatic_optimization:
        raise FitError(
            "lr_find: expected a module with automatic optimisation, whose one rate can be raised step by step, got "
            f"{type(model).__name__}, which optimises by hand. Compare runs with different rates instead."
        )
    read_data(datamodule)
    random_state = torch.get_rng_state()
    tried = detached_copy(model)
    if isinstance(tried, Model):
        tried.schedule_factory, tried.warmup_steps = None, 0
    ramp = _Ramp(lr_min * (lr_max / lr_min) ** (np.arange(num_steps) / (num_steps - 1)))
    try:
        fine_tuning = fine_tuning_of(trainer)
        shorten(trainer, num_steps, ramp)
        callbacks_of(trainer)[:0] = [fine_tuning] if fine_tuning is not None else []
        trainer.fit(tried, datamodule=datamodule)
    finally:
        torch.set_rng_state(random_state)
    losses = np.array(ramp.losses)
    return read_range_test(ramp.rates[: len(losses)], losses, ramp.diverged)


def read_range_test(rates: np.ndarray, losses: np.ndarray, diverged: bool = False) -> RangeTest:
    """Find the lowest point and the steepest fall before it.

    The steepest fall is that of the smoothed loss over the logarithm of the rate. At the lowest loss the rate is
    already too high: the steps before it lowered the loss, and the next ones would raise it. (The other common rule, a
    tenth of the rate at the lowest point, gave the lower validation accuracy after two epochs of FashionMNIST in three
    of three settings: 0.870 against 0.874, 0.849 against 0.854, 0.858 against 0.867.)

    Args:
        rates: Rates, rising (S,).
        losses: Loss at each (S,).
        diverged: Whether the loss diverged at the end.

    Raises:
        ArgumentError: There are too few finite losses.
    """
    finite = int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else len(losses)
    if finite < 2 * _FIRST:
        raise ArgumentError(
            "lr_min", "a rate at which the loss stays finite", float(rates[0]), "Begin lower, or check the data."
        )
    diverged = diverged or finite < len(losses)
    rates, losses = rates[:finite], losses[:finite]
    smoothed = smooth(losses)
    lowest = _FIRST + int(smoothed[_FIRST:].argmin())
    steepest = None
    reach = len(rates) // 25 + 1  # a slope between neighbouring steps would be noise
    begin = max(_FIRST, reach)
    fell = smoothed[_FIRST] - smoothed[lowest] > _LEAST_FALL * abs(smoothed[_FIRST])
    if fell and lowest - reach >= begin:
        # Steps are equidistant on the logarithmic scale, so a difference of losses is a slope.
        places = np.arange(begin, lowest - reach + 1)
        steepest = int(places[(smoothed[places + reach] - smoothed[places - reach]).argmin()])
    return RangeTest(rates, losses, smoothed, lowest, steepest, diverged)


def smooth(losses: np.ndarray, beta: float = _SMOOTHING) -> np.ndarray:
    """Return the exponentially weighted average from zero, divided by the sum of its weights (S,)."""
    return np.asarray(pd.Series(losses).ewm(alpha=1 - beta).mean())


class _Ramp(Callback):
    """Sets the rate of each optimiser step, and records its loss."""

    def __init__(self, rates: np.ndarray) -> None:
        self.rates, self.diverged = rates, False
        self.losses: list[float] = []
        self._waiting: list[Tensor] = []  # losses of batches whose gradients are still accumulating
        self._ratios: list[float] = []
        self._average, self._lowest = 0.0, float("inf")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the ratios of the parameter groups' rates, to keep them. Remove the schedules."""
        trainer.strategy.lr_scheduler_configs = []
        groups: Any = trainer.optimizers[0].param_groups
        first = float(groups[0]["lr"]) or 1.0
        self._ratios = [float(group["lr"]) / first or 1.0 for group in groups]

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Set the rate, for optimisers that read it before they compute the loss."""
        self._set_rate(trainer)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        """Set the rate of this step, also if the model takes several steps per batch."""
        self._set_rate(trainer)

    def _set_rate(self, trainer: Trainer) -> None:
        rate = self.rates[min(trainer.global_step, len(self.rates) - 1)]
        for group, ratio in zip(trainer.optimizers[0].param_groups, self._ratios, strict=True):
            group["lr"] = float(rate * ratio)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Record the loss that is minimised."""
        self._waiting.append(loss.detach())

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop when the loss has diverged."""
        if trainer.global_step == len(self.losses) or not self._waiting:
            return  # gradients accumulate until a later batch
        # L-BFGS computes the loss several times per step; the first is that of the weights before the step.
        several = isinstance(trainer.optimizers[0], torch.optim.LBFGS)
        loss = self._waiting[0] if several else torch.stack(self._waiting).sum()
        self._waiting.clear()
        if trainer.world_size > 1:
            loss = trainer.strategy.reduce(loss, reduce_op="mean")
        self.losses.append(loss.item())
        step = len(self.losses)
        self._average = _SMOOTHING * self._average + (1 - _SMOOTHING) * self.losses[-1]
        smoothed = self._average / (1 - _SMOOTHING**step)
        if step > _FIRST:
            self._lowest = min(self._lowest, smoothed)
        if not np.isfinite(smoothed) or smoothed > _DIVERGED * self._lowest:
            self.diverged = True
            trainer.should_stop = True
