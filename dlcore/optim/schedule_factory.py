"""Creation of a learning-rate schedule from a callable, for any length of the run and from any step."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from dlcore.errors import ArgumentError
from dlcore.optim.factories import (
    REFUSALS,
    LRSchedulerCallable,
    check_settings,
    class_of,
    given_settings,
    refused,
)

# torch's schedules that count steps. All others count epochs.
_STEPPED_PER_BATCH = (OneCycleLR, CyclicLR)


def make_schedule(
    factory: LRSchedulerCallable, optimizer: Optimizer, total_steps: Callable[[], int] | None = None
) -> tuple[LRScheduler, str]:
    """Create the learning-rate schedule.

    Args:
        factory: A class of torch.optim.lr_scheduler or dlcore.optim, or a `functools.partial` of one.
        optimizer: The optimiser whose rate it sets.
        total_steps: Returns the optimiser steps of the run, for a OneCycleLR without a length.

    Returns:
        The schedule and its interval: ``step`` (OneCycleLR and CyclicLR), the value of its attribute ``interval``, else
        ``epoch``.

    Raises:
        ArgumentError: The settings are invalid, or the schedule needs a metric.
    """
    check_settings("lr_scheduler", given_settings(factory))
    try:
        if total_steps is not None and _lacks_length(factory):
            schedule = factory(optimizer, total_steps=total_steps())  # type: ignore[call-arg]
        else:
            schedule = factory(optimizer)
    except ArgumentError:
        raise
    except REFUSALS as error:
        raise refused("lr_scheduler", factory, error) from error
    if isinstance(schedule, ReduceLROnPlateau):
        raise needs_metric()
    return schedule, "step" if isinstance(schedule, _STEPPED_PER_BATCH) else getattr(schedule, "interval", "epoch")


def _lacks_length(factory: LRSchedulerCallable) -> bool:
    """Return whether this creates a OneCycleLR without a length."""
    given = factory.keywords if isinstance(factory, partial) else {}
    return class_of(factory) is OneCycleLR and all(
        given.get(name) is None for name in ("total_steps", "epochs", "steps_per_epoch")
    )


def needs_metric() -> ArgumentError:
    """Return the error for a schedule that needs a metric, which names the callback to use."""
    return ArgumentError(
        "lr_scheduler",
        "a schedule that needs no metric",
        "ReduceLROnPlateau",
        "Use the callback: --reduce_lr_on_plateau.factor 0.5 --reduce_lr_on_plateau.patience 2",
    )


def step_schedule(schedule: LRScheduler) -> None:
    """Step the schedule.

    Raises:
        ArgumentError: The schedule has ended before the training.
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


def check_length(schedule: LRScheduler, steps: Callable[[], int]) -> None:
    """Check that a schedule of fixed length is as long as the run.

    Args:
        schedule: The schedule.
        steps: Returns the optimiser steps of the run.

    Raises:
        ArgumentError: The schedule is shorter.
    """
    length = getattr(schedule, "total_steps", None)
    if length is not None and length < (needed := steps()):
        raise ArgumentError("lr_scheduler.total_steps", f"at least the {needed:,} steps of the run", length)


def stepped_schedule(make: LRSchedulerCallable, optimizer: Optimizer, steps: int) -> LRScheduler:
    """Create a schedule and step it several times.

    Args:
        make: Creates the schedule.
        optimizer: The optimiser; its rates become those of the schedule after these steps.
        steps: Number of steps.
    """
    for group in optimizer.param_groups:
        group["lr"] = group.get("initial_lr", group["lr"])
        for name in ("initial_lr", "max_lr", "min_lr"):  # a schedule writes them again
            group.pop(name, None)
    schedule = make(optimizer)
    with warnings.catch_warnings():
        # torch warns if a schedule is stepped before its optimiser; this optimiser has taken steps.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        for _ in range(steps):
            step_schedule(schedule)
    return schedule
