"""Optimiser and schedule of a model: built from callables, checked early, fused where torch can."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from dlcore.errors import ArgumentError, check_number

# What a model's `optimizer` and `lr_scheduler` arguments take: a class, or a class with some arguments filled in.
# The command line, recipes and Python make the same thing of it.
OptimizerCallable = Callable[[Iterable[nn.Parameter]], Optimizer]
LRSchedulerCallable = Callable[[Optimizer], LRScheduler]

# Schedules whose length is a number of steps. All others count epochs.
_STEPPED_PER_BATCH = (OneCycleLR, CyclicLR)


def make_optimizer(factory: OptimizerCallable, params: Iterable[nn.Parameter], fused: bool = True) -> Optimizer:
    """Make the optimiser, in its fused implementation where torch has one and the user chose none.

    Args:
        factory: What makes it: a class of torch.optim, or a `functools.partial` of one.
        params: The parameters to optimise.
        fused: False never chooses the fused implementation.

    Raises:
        ArgumentError: The optimiser does not accept its settings.
    """
    settings: dict[str, Any] = factory.keywords if isinstance(factory, partial) else {}
    for name in ("lr", "weight_decay", "momentum", "eps"):
        if isinstance(settings.get(name), int | float):
            check_number(f"optimizer.{name}", settings[name], at_least=0)
    params = list(params)
    try:
        optimizer = factory(params)
        chosen = any(optimizer.defaults.get(name) for name in ("foreach", "capturable", "differentiable"))
        if fused and not chosen and optimizer.defaults.get("fused", True) is None:
            optimizer = factory(params, fused=True)  # type: ignore[call-arg]
    except (TypeError, ValueError) as error:
        raise ArgumentError("optimizer", f"settings that torch accepts ({error})", settings) from error
    return optimizer


def make_schedule(factory: LRSchedulerCallable, optimizer: Optimizer) -> tuple[LRScheduler, bool]:
    """Make the learning-rate schedule.

    Args:
        factory: What makes it: a class of torch.optim.lr_scheduler, or a `functools.partial` of one.
        optimizer: The optimiser whose rate it sets.

    Returns:
        The schedule, and whether it takes a step for each batch (else for each epoch).

    Raises:
        ArgumentError: The schedule does not accept its settings, or needs a metric.
    """
    settings: dict[str, Any] = factory.keywords if isinstance(factory, partial) else {}
    try:
        schedule = factory(optimizer)
    except (TypeError, ValueError) as error:
        raise ArgumentError("lr_scheduler", f"settings that torch accepts ({error})", settings) from error
    if isinstance(schedule, ReduceLROnPlateau):
        raise needs_metric()
    return schedule, isinstance(schedule, _STEPPED_PER_BATCH)


def needs_metric() -> ArgumentError:
    """What is said to a schedule that waits for a metric: there is a callback for it."""
    return ArgumentError(
        "lr_scheduler",
        "a schedule that needs no metric",
        "ReduceLROnPlateau",
        "Use the callback: --reduce_lr_on_plateau.factor 0.5 --reduce_lr_on_plateau.patience 2",
    )


def check_optimization(optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable | None) -> None:
    """Try optimiser and schedule on one number, so that a wrong setting is known before any data are read.

    Raises:
        ArgumentError: One of them does not accept its settings.
    """
    made = make_optimizer(optimizer, [nn.Parameter(torch.zeros(1))])
    if lr_scheduler is not None:
        make_schedule(lr_scheduler, made)
