"""Which callbacks need their per-batch hooks, and when.

`StepsPerExecution` takes several training steps without calling the per-batch hooks of callbacks. A callback that
overrides one of those hooks (`on_train_batch_start`, `on_train_batch_end`, `on_before_zero_grad`, `on_before_backward`,
`on_after_backward`, `on_before_optimizer_step`) is called for each batch, unless it has one of two optional attributes:

- ``skippable_batches(trainer, position)``: how many of the next batches need none of its per-batch hooks;
- ``hooks_of_every_batch``: names of the hooks (`on_train_batch_start`, `on_train_batch_end`, `on_before_backward`) that
  must be called for each batch all the same, also when the batch is skipped.

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
    """Where in the training the next batch stands.

    Args:
        batch_idx: Its index in the epoch, from 0.
        batches: Number of batches in the epoch.
        step: Optimiser steps taken so far.
        accumulate_grad_batches: Batches in one optimiser step.
    """

    batch_idx: int
    batches: int
    step: int
    accumulate_grad_batches: int = 1

    def batches_before(self, step: int) -> int:
        """Number of batches before the one that completes this optimiser step; 0 if it is the next batch."""
        each = self.accumulate_grad_batches
        return (step - self.step) * each - self.batch_idx % each - 1

    def batches_before_multiple(self, every: int) -> int:
        """Number of batches before the one that completes the next optimiser step which is a multiple of `every`."""
        return self.batches_before((self.step // every + 1) * every)


def skippable_batches(callbacks: Iterable[Callback], trainer: Trainer, position: Position) -> float:
    """How many of the next batches no callback needs; infinite if none needs any.

    Args:
        callbacks: The callbacks to ask.
        trainer: Their trainer.
        position: Where the next batch stands.
    """
    return min((_skippable_batches(callback, trainer, position) for callback in callbacks), default=math.inf)


def needs_each_batch(callback: Callback) -> bool:
    """Whether a callback must be called for each batch: it has per-batch hooks and does not say when it needs them."""
    if hasattr(callback, "skippable_batches") or _is_adapted(callback):
        return False
    return _has_hooks(callback)


def with_hook_of_every_batch(callbacks: Iterable[Callback], hook: str) -> list[Callback]:
    """The callbacks that need this hook called for each batch, in order."""
    return [callback for callback in callbacks if hook in getattr(callback, "hooks_of_every_batch", ())]


def _skippable_batches(callback: Callback, trainer: Trainer, position: Position) -> float:
    own: Any = getattr(callback, "skippable_batches", None)
    if own is not None:
        return own(trainer, position)
    if _is_adapted(callback):
        return _of_lightning(callback, position)
    return 0 if _has_hooks(callback) else math.inf


def _is_adapted(callback: Callback) -> bool:
    """Whether it is one of Lightning's own callbacks, with Lightning's own per-batch hooks."""
    kinds = (Timer, LearningRateMonitor, DeviceStatsMonitor, ModelCheckpoint, TQDMProgressBar, RichProgressBar)
    # A subclass that overrides a per-batch hook may want to see each batch.
    return isinstance(callback, kinds) and not any(
        hook in vars(each) for hook in PER_BATCH_HOOKS for each in type(callback).__mro__[: _depth(callback, kinds)]
    )


def _depth(callback: Callback, kinds: tuple[type, ...]) -> int:
    """How many classes of the callback come before Lightning's."""
    return next(number for number, each in enumerate(type(callback).__mro__) if each in kinds)


def _of_lightning(callback: Callback, position: Position) -> float:
    if isinstance(callback, ModelCheckpoint):
        # A time interval is looked at after each execution, some tenths of a second later than it could be.
        every = callback._every_n_train_steps
        return position.batches_before_multiple(every) if every >= 1 else math.inf
    if isinstance(callback, ProgressBar):
        rate = int(callback.refresh_rate)  # type: ignore[attr-defined]
        # It is refreshed at multiples of its rate only, so that an execution ends there.
        every = rate * math.ceil(_REFRESH / rate) if rate > 0 else 0
        return (-(position.batch_idx + 1)) % every if every else math.inf
    return math.inf  # they look at the clock, or act in steps that are logged: never skipped


def _has_hooks(callback: Callback) -> bool:
    # An instance may have hooks of its own, as a LambdaCallback has.
    return any(
        getattr(type(callback), hook, None) is not getattr(Callback, hook) or hook in vars(callback)
        for hook in PER_BATCH_HOOKS
    )
