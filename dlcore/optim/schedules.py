"""Learning-rate schedules of the chapter "learning-rate annealing" that torch does not have in the chapter's form.

Each computes the rate from the initial one and t alone. Its attribute `interval` says what t counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from dlcore.errors import ArgumentError, check_number

Interval = Literal["epoch", "step"]


class _DecayLR(LambdaLR):
    """A rate that falls by a formula of t.

    Args:
        optimizer: The optimiser whose rate is set; its own rate is α₀.
        decay_rate: The decay k in one epoch or step, at least 0.
        interval: What t counts: ``epoch`` or ``step`` (of the optimiser).
        last_epoch: t of the last call of a run that goes on; -1 begins.

    Raises:
        ArgumentError: An argument has a value that it cannot have.
    """

    def __init__(
        self, optimizer: Optimizer, decay_rate: float, interval: Interval = "epoch", last_epoch: int = -1
    ) -> None:
        check_number("lr_scheduler.decay_rate", decay_rate, at_least=0)
        _check_interval(interval)
        self.decay_rate, self.interval = decay_rate, interval
        super().__init__(optimizer, lambda t: self.factor(t), last_epoch)

    def factor(self, t: int) -> float:
        """What α₀ is multiplied by at t."""
        raise NotImplementedError


class ExponentialDecayLR(_DecayLR):
    """Exponential decay: α₀·e^(-kt). torch's ExponentialLR with gamma = e^(-k) is the same."""

    def factor(self, t: int) -> float:
        """e^(-kt)."""
        return math.exp(-self.decay_rate * t)


class InverseTimeDecayLR(_DecayLR):
    """1/t decay: α₀/(1 + kt)."""

    def factor(self, t: int) -> float:
        """1/(1 + kt)."""
        return 1 / (1 + self.decay_rate * t)


class PiecewiseConstantLR(LambdaLR):
    """Constant between boundaries: values[0] before boundaries[0], values[1] from there to boundaries[1], and so on.

    Args:
        optimizer: The optimiser whose rate is set, in all its groups; its own rate is not used.
        boundaries: Epochs or steps at which the next value begins, ascending and above 0: with [5, 8], epochs 0 to 4
            have the first rate, 5 to 7 the second.
        values: The learning rates, at least 0, one more than boundaries.
        interval: What boundaries count: ``epoch`` or ``step`` (of the optimiser).
        last_epoch: The last epoch or step of a run that goes on; -1 begins.

    Raises:
        ArgumentError: An argument has a value that it cannot have.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        boundaries: Sequence[int],
        values: Sequence[float],
        interval: Interval = "epoch",
        last_epoch: int = -1,
    ) -> None:
        _check_interval(interval)
        for number, boundary in enumerate(boundaries):
            check_number(f"lr_scheduler.boundaries[{number}]", boundary, at_least=1, whole=True)
        if any(later <= earlier for earlier, later in pairwise(boundaries)):
            raise ArgumentError("lr_scheduler.boundaries", "numbers that ascend", list(boundaries))
        if len(values) != len(boundaries) + 1:
            expected = f"{len(boundaries) + 1} learning rates, one more than boundaries"
            raise ArgumentError("lr_scheduler.values", expected, list(values))
        for number, value in enumerate(values):
            check_number(f"lr_scheduler.values[{number}]", value, at_least=0)
        self.boundaries, self.values, self.interval = list(boundaries), list(values), interval
        super().__init__(optimizer, lambda t: 1.0, last_epoch)

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each group."""
        value = self.values[sum(self.last_epoch >= boundary for boundary in self.boundaries)]
        return [value] * len(self.optimizer.param_groups)


def _check_interval(interval: str) -> None:
    if interval not in ("epoch", "step"):
        raise ArgumentError("lr_scheduler.interval", "epoch or step", interval)
