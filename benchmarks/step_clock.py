"""A clock for steps within Lightning's fit, for the benchmarks beside it."""

from __future__ import annotations

import math
import time
from typing import Any

from lightning.pytorch import Callback, Trainer


class StepClock(Callback):
    """Times the steps after the first ones, by the CPU time of all threads.

    Args:
        warm: Steps before the clock starts.

    Attributes:
        seconds: CPU time of the steps after them.
    """

    hooks_of_every_batch = ("on_train_batch_end",)

    def __init__(self, warm: int) -> None:
        self.warm = warm
        self.start = self.seconds = 0.0

    def skippable_batches(self, *args: Any) -> float:
        """It needs no hook but that one."""
        return math.inf

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Start after the warm steps."""
        if trainer.global_step == self.warm:
            self.start = time.process_time()

    def on_train_end(self, *args: Any) -> None:
        """Stop."""
        self.seconds = time.process_time() - self.start
