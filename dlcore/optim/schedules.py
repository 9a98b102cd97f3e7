"""Learning-rate schedules of the chapter "learning-rate annealing" that torch lacks in the chapter's form.

Each computes the rate only from the initial rate and t. Its attribute `interval` is the unit of t.
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
    """Base of schedules that decay by a formula of t.

    Args:
        optimizer: The optimiser whose rate is set; its initial rate is α₀.
        decay_rate: The decay k per epoch or step, at least 0.
        interval: Unit of t: ``epoch`` or ``step`` (of the optimiser).
        last_epoch: Last t of a resumed run; -1: new run.

    Raises:
        ArgumentError: An argument has an invalid value.
    """

    def __init__(
        self, optimizer: Optimizer, decay_rate: float, interval: Interval = "epoch", last_epoch: int = -1
    ) -> None:
        check_number("lr_scheduler.decay_rate", decay_rate, at_least=0)
        _check_interval(interval)
        self.decay_rate, self.interval = decay_rate, interval
        super().__init__(optimizer, lambda t: self.factor(t), last_epoch)

    def factor(self, t: int) -> float:
        """Return the factor on α₀ at t."""
        raise NotImplementedError


class ExponentialDecayLR(_DecayLR):
    """Exponential decay: α₀·e^(-kt). torch's ExponentialLR with gamma = e^(-k) is the same."""

    def factor(self, t: int) -> float:
        """Return e^(-kt)."""
        return math.exp(-self.decay_rate * t)


class InverseTimeDecayLR(_DecayLR):
    """1/t decay: α₀/(1 + kt)."""

    def factor(self, t: int) -> float:
        """Return 1/(1 + kt)."""
        return 1 / (1 + self.decay_rate * t)


class PiecewiseConstantLR(LambdaLR):
    """Constant between boundaries: values[0] before boundaries[0], values[1] from there to boundaries[1], and so on.

    Args:
        optimizer: The optimiser whose rate is set, in all groups; its initial rate is not used.
        boundaries: Epochs or steps at which the next value begins, ascending and above 0: with [5, 8], epochs 0 to 4
            have the first rate, 5 to 7 the second.
        values: The learning rates, at least 0, one more than boundaries.
        interval: Unit of boundaries: ``epoch`` or ``step`` (of the optimiser).
        last_epoch: Last epoch or step of a resumed run; -1: new run.

    Raises:
        ArgumentError: An argument has an invalid value.
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
        """Return the rate of each group."""
        value = self.values[sum(self.last_epoch >= boundary for boundary in self.boundaries)]
        return [value] * len(self.optimizer.param_groups)


def _check_interval(interval: str) -> None:
    if interval not in ("epoch", "step"):
        raise ArgumentError("lr_scheduler.interval", "epoch or step", interval)
