"""Callables that create optimisers and schedules: their class, their settings, and creation of a schedule."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from dlcore.errors import ArgumentError, check_number
from dlcore.optim.parameter_groups import made_for_groups

# Types of a model's `optimizer` and `lr_scheduler` arguments: a class, or a partial of one with some arguments set.
# The command line, recipes and Python all produce these.
OptimizerCallable = Callable[[Iterable[nn.Parameter]], Optimizer]
LRSchedulerCallable = Callable[[Optimizer], LRScheduler]

# Errors that torch raises for invalid settings; ZeroDivisionError for a length of 0.
REFUSALS = (TypeError, ValueError, ZeroDivisionError, KeyError, IndexError, RuntimeError)
# Settings whose invalid values torch accepts, or rejects with an error that does not name them.
_NEVER_NEGATIVE = ("lr", "weight_decay", "momentum", "eps", "max_lr", "base_lr", "eta_min", "min_lr")
_COUNTS = ("max_iter", "history_size", "step_size", "T_max", "T_0", "total_iters", "total_steps", "step_size_up")


def class_of(factory: Callable[..., Any]) -> Any:
    """Return the class to create; None for a user's function. The command line puts it in a partial's arguments."""
    parts = [factory.func, *factory.args] if isinstance(factory, partial) else [factory]
    return next((part for part in parts if inspect.isclass(part)), None)


def given_settings(factory: Callable[..., Any]) -> dict[str, Any]:
    """Return the settings that differ from the class's defaults; the command line sets all of them."""
    if not isinstance(factory, partial):
        return {}
    kind = class_of(factory)
    usual = inspect.signature(kind).parameters if kind is not None else {}
    return {
        name: value
        for name, value in factory.keywords.items()
        if name not in usual or usual[name].default is inspect.Parameter.empty or value != usual[name].default
    }


def check_settings(argument: str, settings: dict[str, Any]) -> None:
    """Check numbers that torch would accept silently, or reject with an error that does not name them."""
    for name, value in settings.items():
        for number in value if isinstance(value, tuple | list) else [value]:
            if not isinstance(number, int | float) or isinstance(number, bool):
                continue
            if name in _COUNTS:
                check_number(f"{argument}.{name}", number, at_least=1, whole=True)
            else:
                check_number(f"{argument}.{name}", number, at_least=0 if name in _NEVER_NEGATIVE else None)


def refused(argument: str, factory: Callable[..., Any], error: Exception) -> ArgumentError:
    """Return the error for a class that rejects its settings."""
    reason = " ".join(str(error.args[0] if isinstance(error, KeyError) else error).split())
    kind = class_of(factory)
    return ArgumentError(
        argument, f"settings that {kind.__name__ if kind else 'torch'} accepts ({reason})", given_settings(factory)
    )


# torch's schedules that count steps. All others count epochs.
_STEPPED_PER_BATCH = (OneCycleLR, CyclicLR)


def make_schedule(
    factory: Callable[..., LRScheduler], optimizer: Optimizer, total_steps: Callable[[], int] | None = None
) -> tuple[LRScheduler, str]:
    """Create the learning-rate schedule; return it and its interval: ``epoch`` or ``step``.

    The factory is a class of torch.optim.lr_scheduler or dlcore.optim, or a `functools.partial` of one; total_steps
    returns the optimiser steps of the run, for a OneCycleLR without a length. OneCycleLR and CyclicLR count steps;
    others have an attribute ``interval``, or count epochs.
    """
    check_settings("lr_scheduler", given_settings(factory))
    try:
        given = factory.keywords if isinstance(factory, partial) else {}
        lengths = [given.get(name) for name in ("total_steps", "epochs", "steps_per_epoch")]
        if total_steps is not None and class_of(factory) is OneCycleLR and lengths == [None] * 3:
            schedule = factory(optimizer, total_steps=total_steps())
        else:
            schedule = factory(optimizer)
    except ArgumentError:
        raise
    except REFUSALS as error:
        raise refused("lr_scheduler", factory, error) from error
    if isinstance(schedule, ReduceLROnPlateau):
        raise needs_metric()
    return schedule, "step" if isinstance(schedule, _STEPPED_PER_BATCH) else getattr(schedule, "interval", "epoch")


def needs_metric() -> ArgumentError:
    """Return the error for a schedule that needs a metric, which names the callback to use."""
    remedy = "Use the callback: --reduce_lr_on_plateau.factor 0.5 --reduce_lr_on_plateau.patience 2"
    return ArgumentError("lr_scheduler", "a schedule that needs no metric", "ReduceLROnPlateau", remedy)


def step_schedule(schedule: LRScheduler) -> None:
    """Step the schedule; if it has ended before the training, raise an `ArgumentError`."""
    try:
        schedule.step()
    except ValueError as error:
        expected = f"at least as many steps as the training takes ({error})"
        received, remedy = getattr(schedule, "total_steps", None), "Steps are batches of an epoch times epochs."
        raise ArgumentError("lr_scheduler.total_steps", expected, received, remedy) from error


def check_length(schedule: LRScheduler, steps: Callable[[], int]) -> None:
    """Check that a schedule of fixed length is as long as the run."""
    length = getattr(schedule, "total_steps", None)
    if length is not None and length < (needed := steps()):
        raise ArgumentError("lr_scheduler.total_steps", f"at least the {needed:,} steps of the run", length)


def stepped_schedule(make: LRSchedulerCallable, optimizer: Optimizer, steps: int) -> LRScheduler:
    """Create a schedule and step it several times; the optimiser's rates become those after these steps."""
    schedule: LRScheduler = made_for_groups(optimizer, make)
    with warnings.catch_warnings():
        # torch warns if a schedule is stepped before its optimiser; this optimiser has taken steps.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        for _ in range(steps):
            step_schedule(schedule)
    return schedule
