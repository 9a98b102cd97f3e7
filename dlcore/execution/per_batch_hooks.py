"""Which callbacks need their per-batch hooks, and when.

`StepsPerExecution` takes several training steps without calling the per-batch hooks of callbacks. A callback that
overrides one of those hooks (`on_train_batch_start`, `on_train_batch_end`, `on_before_zero_grad`, `on_before_backward`,
`on_after_backward`, `on_before_optimizer_step`) is called for each batch, unless it has one of two optional attributes:

- ``skippable_batches(trainer, position)``: return how many of the next batches need none of its per-batch hooks;
- ``hooks_of_every_batch``: names of the hooks (`on_train_batch_start`, `on_train_batch_end`, `on_before_backward`) to
  call for each batch even when it is skipped.

Example:
    >>> class SaveEvery1000(Callback):
    ...     def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
    ...         if trainer.global_step % 1000 == 0:
    ...             trainer.save_checkpoint("model.ckpt")
    ...
    ...     def skippable_batches(self, trainer, position):
    ...         return position.batches_before_multiple(1000)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    DeviceStatsMonitor,
    LearningRateMonitor,
    ModelCheckpoint,
    ProgressBar,
    RichProgressBar,
    Timer,
    TQDMProgressBar,
)

PER_BATCH_HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
_REFRESH = 64  # batches between two refreshes of Lightning's progress bars, at most


@dataclass(frozen=True)
class Position:
    """Position of the next batch in the training.

    Args:
        batch_idx: Index of the next batch in the epoch, from 0.
        batches: Number of batches in the epoch.
        step: Optimiser steps taken so far.
        accumulate_grad_batches: Batches in one optimiser step.
    """

    batch_idx: int
    batches: int
    step: int
    accumulate_grad_batches: int = 1

    def batches_before(self, step: int) -> int:
        """Return the number of batches before the one that completes this optimiser step; 0 if it is the next batch."""
        each = self.accumulate_grad_batches
        return (step - self.step) * each - self.batch_idx % each - 1

    def batches_before_multiple(self, every: int) -> int:
        """Return the number of batches before the one that completes the next optimiser step divisible by `every`."""
        return self.batches_before((self.step // every + 1) * every)


def skippable_batches(callbacks: Iterable[Callback], trainer: Trainer, position: Position) -> float:
    """Return how many of the next batches no callback needs; infinite if no callback needs any."""
    return min((_skippable_batches(callback, trainer, position) for callback in callbacks), default=math.inf)


def needs_each_batch(callback: Callback) -> bool:
    """Return whether a callback has per-batch hooks but does not declare when it needs them."""
    if hasattr(callback, "skippable_batches") or _is_adapted(callback):
        return False
    return _has_hooks(callback)


def with_hook_of_every_batch(callbacks: Iterable[Callback], hook: str) -> list[Callback]:
    """Return the callbacks with this hook in `hooks_of_every_batch`, in order."""
    return [callback for callback in callbacks if hook in getattr(callback, "hooks_of_every_batch", ())]


def _skippable_batches(callback: Callback, trainer: Trainer, position: Position) -> float:
    own: Any = getattr(callback, "skippable_batches", None)
    if own is not None:
        return float(own(trainer, position))
    if _is_adapted(callback):
        return _of_lightning(callback, position)
    return 0 if _has_hooks(callback) else math.inf


def _is_adapted(callback: Callback) -> bool:
    """Return whether a callback is one of Lightning's, with Lightning's own per-batch hooks."""
    kinds = (Timer, LearningRateMonitor, DeviceStatsMonitor, ModelCheckpoint, TQDMProgressBar, RichProgressBar)
    # A subclass that overrides a per-batch hook may need each batch.
    return isinstance(callback, kinds) and not any(
        hook in vars(each) for hook in PER_BATCH_HOOKS for each in type(callback).__mro__[: _depth(callback, kinds)]
    )


def _depth(callback: Callback, kinds: tuple[type, ...]) -> int:
    """Return how many of the callback's classes come before Lightning's in its MRO."""
    return next(number for number, each in enumerate(type(callback).__mro__) if each in kinds)


def _of_lightning(callback: Callback, position: Position) -> float:
    if isinstance(callback, ModelCheckpoint):
        # A time interval is checked after each execution, so it may end some tenths of a second late.
        every = callback._every_n_train_steps
        return position.batches_before_multiple(every) if every >= 1 else math.inf
    if isinstance(callback, ProgressBar):
        rate = int(callback.refresh_rate)  # type: ignore[attr-defined]
        # The bar refreshes only at multiples of its rate, so an execution must end there.
        every = rate * math.ceil(_REFRESH / rate) if rate > 0 else 0
        return (-(position.batch_idx + 1)) % every if every else math.inf
    return math.inf  # they use the clock, or act in logged steps, which are never skipped


def _has_hooks(callback: Callback) -> bool:
    # An instance may have its own hooks, as a LambdaCallback does.
    return any(
        getattr(type(callback), hook, None) is not getattr(Callback, hook) or hook in vars(callback)
        for hook in PER_BATCH_HOOKS
    )
