"""Learning-rate schedules of the chapter "learning-rate annealing" that torch lacks in the chapter's form.

Each computes the rate only from the initial rate and t. Its attribute `interval` is the unit of t. Also:
warm-up with any schedule, and the exponentially weighted average (chapter "optimisers and averages"). Models give their
schedule to the trainer in `dlcore.models.optimization.make_optimization`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import pairwise
from types import MethodType
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from dlcore.errors import ArgumentError, check_number
from dlcore.optim.parameter_groups import FACTOR

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
        optimizer: The optimiser whose rate is set, in all groups (times their factor of fine-tuning); its initial rate
            is not used.
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
        return [value * group.get(FACTOR, 1.0) for group in self.optimizer.param_groups]


def _check_interval(interval: str) -> None:
    if interval not in ("epoch", "step"):
        raise ArgumentError("lr_scheduler.interval", "epoch or step", interval)


def warmup_factor(step: int, warmup_steps: int) -> float:
    """Return the factor on the learning rate: (step + 1)/warmup_steps, and 1 from step warmup_steps - 1 on.

    Args:
        step: Optimiser steps already taken.
        warmup_steps: Steps of the warm-up; 0: none.
    """
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def warm_up(optimizer: Optimizer, warmup_steps: int, steps_taken: Callable[[], int]) -> None:
    """Multiply the learning rate of each group before `step`, and restore it after.

    Schedules, callbacks and checkpoints see the rate without warm-up. A warm-up as a second schedule would conflict
    with the first: one counts steps, the other epochs, and each would overwrite the other's rate.

    Args:
        optimizer: The optimiser; a hook is added to its `step`, and removed after the warm-up.
        warmup_steps: Steps of the warm-up.
        steps_taken: Returns the optimiser steps taken before this one.
    """
    rates: list[float | Tensor] = []  # of the groups, during a step
    factor = 0.0

    def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if rates:  # nested: `step` calls the parent class's `step`
            return
        nonlocal factor
        factor = warmup_factor(steps_taken(), warmup_steps)
        rates.extend(group["lr"] for group in optimizer.param_groups)
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor

    step = optimizer.step

    @wraps(step.__func__)  # type: ignore[attr-defined]
    def put_back_after(_: Optimizer, *args: Any, **kwargs: Any) -> Any:
        try:
            return step(*args, **kwargs)
        finally:  # also after an error: a checkpoint may be saved then
            for group, rate in zip(optimizer.param_groups, rates, strict=False):
                group["lr"] = rate
            rates.clear()
            if factor == 1:
                hook.remove()

    optimizer.step = MethodType(put_back_after, optimizer)  # type: ignore[method-assign]
    optimizer.rates_before_warm_up = rates  # type: ignore[attr-defined]
    hook = optimizer.register_step_pre_hook(before)


def full_rate(optimizer: Optimizer) -> float:
    """Return the rate of the first group without the warm-up, also during a step."""
    return float((getattr(optimizer, "rates_before_warm_up", None) or [optimizer.param_groups[0]["lr"]])[0])


def exponential_average(values: Iterable[float], beta: float = 0.9) -> list[float]:
    """Smooth a curve: S₁ = Y₁, Sₜ = beta·Sₜ₋₁ + (1 - beta)·Yₜ, about the mean of the last 1/(1 - beta) values.

    Args:
        values: The curve (Y).
        beta: Weight of the previous average, in [0, 1); 0: no smoothing.

    Returns:
        The smoothed curve (S), as long as the values.
    """
    check_number("beta", beta, at_least=0, below=1)
    smoothed: list[float] = []
    for value in values:
        smoothed.append(beta * smoothed[-1] + (1 - beta) * value if smoothed else value)
    return smoothed
