"""A model's learning-rate schedule: made from a callable, stepped by batch or by epoch, made anew at any place."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial

from lightning.pytorch import Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from dlcore.config.short_names import needs_metric
from dlcore.errors import ArgumentError
from dlcore.lightning_compat import new_training_loader
from dlcore.models.factory_settings import (
    REFUSALS,
    LRSchedulerCallable,
    check_settings,
    class_of,
    given_settings,
    refused,
)

# torch's schedules whose length is a number of steps. All its others count epochs.
_STEPPED_PER_BATCH = (OneCycleLR, CyclicLR)


def make_schedule(
    factory: LRSchedulerCallable, optimizer: Optimizer, total_steps: Callable[[], int] | None = None
) -> tuple[LRScheduler, str]:
    """Make the learning-rate schedule.

    Args:
        factory: What makes it: a class of torch.optim.lr_scheduler or dlcore.optim, or a `functools.partial` of one.
        optimizer: The optimiser whose rate it sets.
        total_steps: Gives the optimiser steps of the run, for a OneCycleLR that is not told its length.

    Returns:
        The schedule, and what it counts: ``step`` (OneCycleLR and CyclicLR), what its attribute ``interval`` says, else
        ``epoch``.

    Raises:
        ArgumentError: The schedule does not accept its settings, or needs a metric.
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
    """Whether this makes a OneCycleLR whose length nobody gave."""
    given = factory.keywords if isinstance(factory, partial) else {}
    return class_of(factory) is OneCycleLR and all(
        given.get(name) is None for name in ("total_steps", "epochs", "steps_per_epoch")
    )


def batches_of_epoch(trainer: Trainer) -> int | None:
    """Batches that a fit takes from an epoch; None for a stream without length.

    Args:
        trainer: The trainer, when data are set up.
    """
    limit = trainer.limit_train_batches
    try:
        batches = len(new_training_loader(trainer))
    except TypeError:  # a stream has no length
        return limit if isinstance(limit, int) else None
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


def steps_of_run(trainer: Trainer) -> int:
    """How many optimiser steps a fit will take.

    Lightning's `estimated_stepping_batches` would prepare the loaders before a checkpoint is read, whose states of them
    are lost then. Here a loader is only asked its length.

    Args:
        trainer: The trainer, when data are set up.

    Raises:
        ArgumentError: The run has no end, or the batches of an epoch are not known before.
    """
    batches, epochs, steps = batches_of_epoch(trainer), trainer.max_epochs, trainer.max_steps
    ends = [steps] if steps >= 0 else []
    if epochs is not None and epochs >= 0 and batches is not None:
        ends.append(epochs * math.ceil(batches / trainer.accumulate_grad_batches))
    if not ends or batches is None:
        raise ArgumentError(
            "lr_scheduler.total_steps",
            "the optimiser steps of the run, which are not known for this trainer or these data",
            None,
            "Give them: --model.lr_scheduler.total_steps 10000, or an end of the run: --trainer.max_epochs 20",
        )
    return min(ends)


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


def check_length(schedule: LRScheduler, steps: Callable[[], int]) -> None:
    """Check that a schedule of a fixed length lasts as long as the run.

    Args:
        schedule: The schedule.
        steps: Gives the optimiser steps of the run.

    Raises:
        ArgumentError: It is shorter.
    """
    length = getattr(schedule, "total_steps", None)
    if length is not None and length < (needed := steps()):
        raise ArgumentError("lr_scheduler.total_steps", f"at least the {needed:,} steps of the run", length)


def stepped_schedule(make: LRSchedulerCallable, optimizer: Optimizer, steps: int) -> LRScheduler:
    """A new schedule that has taken some steps already.

    Args:
        make: What makes the schedule.
        optimizer: The optimiser; its rates become those of the schedule at that place.
        steps: How many.
    """
    for group in optimizer.param_groups:
        group["lr"] = group.get("initial_lr", group["lr"])
        for name in ("initial_lr", "max_lr", "min_lr"):  # a schedule writes them anew
            group.pop(name, None)
    schedule = make(optimizer)
    with warnings.catch_warnings():
        # torch warns of a schedule that is stepped before its optimiser; this one's optimiser has been.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        for _ in range(steps):
            step_schedule(schedule)
    return schedule
