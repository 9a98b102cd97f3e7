"""Times a fit and a loop by hand that take turns, so that both meet the same machine, whose speed changes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

TURN = 50  # steps: as many as Lightning logs after, where an execution ends anyway


class Lap(NamedTuple):
    """Seconds: on the wall, of CPU in all threads, and of CPU in the thread that trains alone."""

    wall: float
    cpu: float
    main_thread: float

    @classmethod
    def now(cls) -> Lap:
        """What the clocks show."""
        return cls(time.perf_counter(), time.process_time(), time.thread_time())

    def since(self, then: Lap) -> Lap:
        """What has passed."""
        return Lap(*(now - before for now, before in zip(self, then, strict=True)))


def total(laps: list[Lap]) -> Lap:
    """The sum."""
    return Lap(*map(sum, zip(*laps, strict=True)))


class InTurns(Callback):
    """After each `TURN` steps of a fit, takes as many of a loop by hand; times what both train.

    A fit's time has its steps and all hooks between an epoch's start and its end or first validation.

    Args:
        by_hand: Makes the loop when the fit's first epoch starts: an iterator that takes a step each time it is
            advanced, and gives its parameters.
        warm: Steps before the clocks start.

    Attributes:
        fit: What the fit took in each turn.
        loop: What the loop took.
        weights: The loop's parameters.
    """

    hooks_of_every_batch = ("on_train_batch_end",)

    def __init__(self, by_hand: Callable[[Trainer, LightningModule], Iterator[list[Tensor]]], warm: int = 0) -> None:
        self.fit: list[Lap] = []
        self.loop: list[Lap] = []
        self.weights: list[Tensor] = []
        self._by_hand, self._warm = by_hand, warm
        self._steps = self._taken = 0  # by the fit, and by the loop
        self._began: Lap | None = None
        self._random: Tensor | None = None

    def skippable_batches(self, *args: Any) -> float:
        """It needs no hook but that one."""
        return math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the loop."""
        self._loop = self._by_hand(trainer, pl_module)

    def on_train_epoch_start(self, *args: Any) -> None:
        """Start."""
        self._began = Lap.now()

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Take turns."""
        self._steps += 1
        if self._steps == self._warm or trainer.global_step % TURN == 0:
            self._turn(again=True)

    def on_validation_start(self, trainer: Trainer, *args: Any) -> None:
        """Stop, if it goes."""
        self._turn(again=False)

    def on_train_epoch_end(self, *args: Any) -> None:
        """Stop, if it goes."""
        self._turn(again=False)

    def _turn(self, again: bool) -> None:
        if self._began is None:
            return
        own = Lap.now().since(self._began)
        state = torch.get_rng_state()  # each draws random numbers of its own
        torch.set_rng_state(self._random if self._random is not None else state)
        begin = Lap.now()
        with torch.inference_mode(False), torch.enable_grad():  # a validation is about to start
            for _ in range(self._steps - self._taken):
                self.weights = next(self._loop)
        if self._taken >= self._warm:
            self.fit.append(own)
            self.loop.append(Lap.now().since(begin))
        self._taken, self._random = self._steps, torch.get_rng_state()
        torch.set_rng_state(state)
        self._began = Lap.now() if again else None
