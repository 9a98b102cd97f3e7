"""Warm-up: the learning rate grows from near zero in the first steps, with any schedule."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import MethodType
from typing import Any

from torch import Tensor
from torch.optim import Optimizer


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
    return (getattr(optimizer, "rates_before_warm_up", None) or [optimizer.param_groups[0]["lr"]])[0]
