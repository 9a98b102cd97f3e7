"""Timing of a fit and a hand-written loop in alternate turns, so that changes of the machine's speed affect both."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

TURN = 50  # steps: Lightning's default logging interval, where an execution ends anyway


class Lap(NamedTuple):
    """Seconds of wall-clock time, of CPU time of all threads, and of CPU time of the current thread."""

    wall: float
    cpu: float
    main_thread: float

    @classmethod
    def now(cls) -> Lap:
        """Return the current times."""
        return cls(time.perf_counter(), time.process_time(), time.thread_time())

    def since(self, then: Lap) -> Lap:
        """Return the difference from an earlier time."""
        return Lap(*(now - before for now, before in zip(self, then, strict=True)))


def total(laps: list[Lap]) -> Lap:
    """Return the sum."""
    return Lap(*map(sum, zip(*laps, strict=True)))


class InTurns(Callback):
    """Take as many steps of a hand-written loop after each `TURN` steps of a fit; time both.

    A fit's time includes its steps and all hooks between an epoch's start and its end or first validation.

    Args:
        by_hand: Creates the loop when training starts: an iterator that takes one step per item and returns the
            parameters.
        warm: Number of untimed steps at the start.

    Attributes:
        fit: Times of the fit's turns.
        loop: Times of the loop's turns.
        weights: The loop's parameters.
    """

    hooks_of_every_batch = ("on_train_batch_end",)

    def __init__(self, by_hand: Callable[[Trainer, LightningModule], Iterator[list[Tensor]]], warm: int = 0) -> None:
        self.fit: list[Lap] = []
        self.loop: list[Lap] = []
        self.weights: list[Tensor] = []
        self._by_hand, self._warm = by_hand, warm
        self._steps = self._taken = 0  # steps of the fit, and of the loop
        self._began: Lap | None = None
        self._random: Tensor | None = None

    def skippable_batches(self, *args: Any) -> float:
        """Return infinity: no other hook is needed."""
        return math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Create the loop."""
        self._loop = self._by_hand(trainer, pl_module)

    def on_train_epoch_start(self, *args: Any) -> None:
        """Start the clock."""
        self._began = Lap.now()

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Take the loop's turn."""
        self._steps += 1
        if self._steps == self._warm or trainer.global_step % TURN == 0:
            self._turn(again=True)

    def on_validation_start(self, trainer: Trainer, *args: Any) -> None:
        """Stop the clock if it runs."""
        self._turn(again=False)

    def on_train_epoch_end(self, *args: Any) -> None:
        """Stop the clock if it runs."""
        self._turn(again=False)

    def _turn(self, again: bool) -> None:
        if self._began is None:
            return
        own = Lap.now().since(self._began)
        state = torch.get_rng_state()  # fit and loop have separate random states
        torch.set_rng_state(self._random if self._random is not None else state)
        begin = Lap.now()
        with torch.inference_mode(False), torch.enable_grad():  # validation may have switched gradients off
            for _ in range(self._steps - self._taken):
                self.weights = next(self._loop)
        if self._taken >= self._warm:
            self.fit.append(own)
            self.loop.append(Lap.now().since(begin))
        self._taken, self._random = self._steps, torch.get_rng_state()
        torch.set_rng_state(state)
        self._began = Lap.now() if again else None
