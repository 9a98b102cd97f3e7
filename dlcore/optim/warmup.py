"""Warm-up: the learning rate grows from near zero in the first steps, whatever schedule follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.optim import Optimizer


def warmup_factor(step: int, warmup_steps: int) -> float:
    """What the learning rate is multiplied by: (step + 1)/warmup_steps, and 1 from step warmup_steps - 1 on.

    Args:
        step: Optimiser steps that were already taken.
        warmup_steps: Steps of the warm-up; 0 has none.
    """
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


@contextmanager
def warmed_up(optimizer: Optimizer, factor: float) -> Iterator[None]:
    """Multiply the learning rate of each group within a ``with`` block, and put it back after it.

    Schedules, callbacks and checkpoints stand outside, see the rate without warm-up, and need not know of it.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor
    try:
        yield
    finally:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
