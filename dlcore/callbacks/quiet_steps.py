"""Quiet steps: optimiser steps that callbacks hear nothing of, because they have said that they need not.

Lightning calls two hooks of each callback and a dozen of its own for each batch, which costs a small network as much as
its training step. Several steps are taken between two such calls (`dlcore.runs.execution`). A callback takes part by

- ``quiet_batches(trainer, place)``, which says how many of the next batches need none of its hooks of single batches;
- ``quiet_hooks``, names of those few hooks that are called in quiet steps all the same.

One that has a hook of single batches and neither of the two is called for each batch, as everywhere in Lightning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Timer

_HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
# Of Lightning's own: looks at the clock, which it may do some steps later.
_NEVER_NEEDED = (Timer,)


@dataclass(frozen=True)
class Place:
    """Where in a training the next batch stands.

    Args:
        batch_idx: Its position in the epoch, from 0.
        batches: Batches of the epoch.
        step: Optimiser steps that were taken.
        batches_a_step: Batches whose gradients are averaged for one step.
    """

    batch_idx: int
    batches: int
    step: int
    batches_a_step: int = 1

    def batches_before(self, step: int) -> int:
        """How many batches come before the one that completes a step: 0 where the next one does."""
        return (step - self.step) * self.batches_a_step - self.batch_idx % self.batches_a_step - 1

    def batches_before_multiple(self, every: int) -> int:
        """The same for the next step whose number is a multiple."""
        return self.batches_before((self.step // every + 1) * every)


def quiet_batches(callbacks: Iterable[Callback], trainer: Trainer, place: Place) -> float:
    """How many of the next batches no callback needs; infinite where none ever needs one."""
    return min((_quiet_batches(callback, trainer, place) for callback in callbacks), default=math.inf)


def needs_each_batch(callback: Callback) -> bool:
    """Whether a callback must be called for each batch, since it does not say when it need not."""
    return _quiet_batches_of(callback) is None and _has_hooks(callback)


def with_quiet_hook(callbacks: Iterable[Callback], hook: str) -> list[Callback]:
    """The callbacks that a hook is called of in quiet steps too, in order."""
    return [callback for callback in callbacks if hook in getattr(callback, "quiet_hooks", ())]


def _quiet_batches(callback: Callback, trainer: Trainer, place: Place) -> float:
    asked = _quiet_batches_of(callback)
    if asked is not None:
        return asked(trainer, place)
    return 0 if _has_hooks(callback) else math.inf


def _quiet_batches_of(callback: Callback) -> Callable[[Trainer, Place], float] | None:
    return getattr(callback, "quiet_batches", None)


def _has_hooks(callback: Callback) -> bool:
    if isinstance(callback, _NEVER_NEEDED):
        return False
    return any(getattr(type(callback), hook, None) is not getattr(Callback, hook) for hook in _HOOKS)
