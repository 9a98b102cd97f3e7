"""Optimiser and schedule of a model: built from callables, checked early, fused where torch can."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from dlcore.errors import ArgumentError, check_number

# What a model's `optimizer` and `lr_scheduler` arguments take: a class, or a class with some arguments filled in.
# The command line, recipes and Python make the same thing of it.
OptimizerCallable = Callable[[Iterable[nn.Parameter]], Optimizer]
LRSchedulerCallable = Callable[[Optimizer], LRScheduler]

# Schedules whose length is a number of steps. All others count epochs.
_STEPPED_PER_BATCH = (OneCycleLR, CyclicLR)
# What torch raises for settings that it does not accept; a length of zero it divides by.
_REFUSALS = (TypeError, ValueError, ZeroDivisionError, KeyError)
_NEVER_NEGATIVE = ("lr", "weight_decay", "momentum", "eps")


def make_optimizer(factory: OptimizerCallable, params: Iterable[nn.Parameter], fused: bool = True) -> Optimizer:
    """Make the optimiser, in its fused implementation where torch has one and the user chose none.

    Args:
        factory: What makes it: a class of torch.optim, a `functools.partial` of one, or a function of one's own; a
            function that does not take ``fused`` chooses the implementation itself.
        params: The parameters to optimise.
        fused: False never chooses the fused implementation.

    Raises:
        ArgumentError: The optimiser does not accept its settings, or they are no numbers to train with (torch itself
            takes NaN for some), or it needs to compute the loss several times a step.
    """
    settings: dict[str, Any] = factory.keywords if isinstance(factory, partial) else {}
    _check_settings(settings)
    params = list(params)
    try:
        optimizer = factory(params)
    except _REFUSALS as error:
        raise ArgumentError("optimizer", f"settings that torch accepts ({error})", settings) from error
    _check_settings(optimizer.defaults)
    if isinstance(optimizer, LBFGS):
        raise ArgumentError(
            "optimizer",
            "one that steps along a gradient",
            "LBFGS",
            "It computes the loss anew within a step: use Adam.",
        )
    if fused and _leaves_choice(optimizer) and _takes(factory, "fused"):
        try:
            return factory(params, fused=True)  # type: ignore[call-arg]
        except (RuntimeError, TypeError):  # torch has it, but not for this device; a subclass does not pass it on
            return optimizer
    return optimizer


def _leaves_choice(optimizer: Optimizer) -> bool:
    """Whether the optimiser has a fused implementation and no other was chosen."""
    defaults = optimizer.defaults
    return (
        defaults.get("fused", False) is None
        and defaults.get("foreach") is None
        and not defaults.get("capturable")
        and not defaults.get("differentiable")
    )


def _takes(factory: Callable[..., Any], name: str) -> bool:
    parameters = inspect.signature(factory).parameters
    return name in parameters or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def _check_settings(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        for number in value if isinstance(value, tuple | list) else [value]:
            if isinstance(number, int | float) and not isinstance(number, bool):
                check_number(f"optimizer.{name}", number, at_least=0 if name in _NEVER_NEGATIVE else None)


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
    try:
        schedule = factory(optimizer)
    except _REFUSALS as error:
        raise _refused(factory, error) from error
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


def step_schedule(schedule: LRScheduler) -> None:
    """Take a step of the schedule.

    Raises:
        ArgumentError: The schedule is over, and the training is not.
    """
    try:
        schedule.step()
    except ValueError as error:
        raise ArgumentError(
            "lr_scheduler.total_steps",
            f"at least as many steps as the training takes ({error})",
            getattr(schedule, "total_steps", None),
            "Steps are batches of an epoch times epochs.",
        ) from error


def check_optimization(optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable | None) -> None:
    """Try optimiser and schedule on one number, so that a wrong setting is known before any data are read.

    Raises:
        ArgumentError: One of them does not accept its settings, or the schedule gives no learning rate.
    """
    made = make_optimizer(optimizer, [nn.Parameter(torch.zeros(1))])
    if lr_scheduler is None:
        return
    schedule, _ = make_schedule(lr_scheduler, made)
    made.step()
    try:
        schedule.step()
    except _REFUSALS as error:
        raise _refused(lr_scheduler, error) from error
    rate = float(made.param_groups[0]["lr"])
    if not (math.isfinite(rate) and rate >= 0):
        raise ArgumentError("lr_scheduler", "settings that give a learning rate of at least 0", rate)


def _refused(factory: LRSchedulerCallable, error: Exception) -> ArgumentError:
    settings: dict[str, Any] = factory.keywords if isinstance(factory, partial) else {}
    return ArgumentError("lr_scheduler", f"settings that torch accepts ({error})", settings)
