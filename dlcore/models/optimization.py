"""Optimiser and schedule of a model: built from callables, checked early, fused where torch can."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.optim import LBFGS, Muon, Optimizer, SparseAdam
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from dlcore.errors import ArgumentError, check_number

if TYPE_CHECKING:
    from dlcore.models.model import Model

# What a model's `optimizer` and `lr_scheduler` arguments take: a class, or a class with some arguments filled in.
# The command line, recipes and Python make the same thing of it.
OptimizerCallable = Callable[[Iterable[nn.Parameter]], Optimizer]
LRSchedulerCallable = Callable[[Optimizer], LRScheduler]

# torch's schedules whose length is a number of steps. All its others count epochs.
_STEPPED_PER_BATCH = (OneCycleLR, CyclicLR)
# What torch raises for settings that it does not accept; a length of zero it divides by.
_REFUSALS = (TypeError, ValueError, ZeroDivisionError, KeyError, IndexError, RuntimeError)
# What torch itself lets pass, or answers with an error that names nothing.
_NEVER_NEGATIVE = ("lr", "weight_decay", "momentum", "eps", "max_lr", "base_lr", "eta_min", "min_lr")
_COUNTS = ("max_iter", "history_size", "step_size", "T_max", "T_0", "total_iters", "total_steps", "step_size_up")


def make_optimizer(factory: OptimizerCallable, params: Iterable[nn.Parameter], fused: bool = True) -> Optimizer:
    """Make the optimiser, in its fused implementation where torch has one and the user chose none.

    Args:
        factory: What makes it: a class of torch.optim, a `functools.partial` of one, or a function of one's own; a
            function that does not take ``fused`` chooses the implementation itself.
        params: The parameters to optimise.
        fused: False never chooses the fused implementation.

    Raises:
        ArgumentError: There is no optimiser, or it does not accept its settings, or they are no numbers to train with
            (torch itself takes NaN for some), or it cannot train these parameters.
    """
    if not callable(factory):
        example = "For example: --model.optimizer Adam --model.optimizer.lr 0.001"
        raise ArgumentError("optimizer", "an optimiser of torch.optim, by name", factory, example)
    _check_settings("optimizer", _given(factory))
    params = list(params)
    _check_parameters(factory, params)
    try:
        optimizer = factory(params)
    except _REFUSALS as error:
        raise _refused("optimizer", factory, error) from error
    _check_settings("optimizer", optimizer.defaults)
    if fused and _leaves_choice(optimizer) and _takes(factory, "fused"):
        try:
            return factory(params, fused=True)  # type: ignore[call-arg]
        except (RuntimeError, TypeError):  # torch has it, but not for this device; a subclass does not pass it on
            return optimizer
    return optimizer


def _check_parameters(factory: OptimizerCallable, params: list[nn.Parameter]) -> None:
    kind = _class_of(factory)
    if kind is SparseAdam:
        expected = "an optimiser for gradients that are not sparse, as all of dlcore's are"
        raise ArgumentError("optimizer", expected, "SparseAdam", "Use Adam.")
    if kind is Muon and any(parameter.dim() != 2 for parameter in params):
        expected = "an optimiser that also trains biases, kernels and scales, which are no matrices"
        raise ArgumentError("optimizer", expected, "Muon", "Use AdamW.")


def _class_of(factory: Callable[..., Any]) -> Any:
    """The class that is made, None for a function of one's own. The command line has it among a partial's arguments."""
    parts = [factory.func, *factory.args] if isinstance(factory, partial) else [factory]
    return next((part for part in parts if inspect.isclass(part)), None)


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


def _given(factory: Callable[..., Any]) -> dict[str, Any]:
    """The settings that differ from the class's own: the command line fills in all of them."""
    if not isinstance(factory, partial):
        return {}
    kind = _class_of(factory)
    usual = inspect.signature(kind).parameters if kind is not None else {}
    return {
        name: value
        for name, value in factory.keywords.items()
        if name not in usual or usual[name].default is inspect.Parameter.empty or value != usual[name].default
    }


def _check_settings(argument: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        for number in value if isinstance(value, tuple | list) else [value]:
            if not isinstance(number, int | float) or isinstance(number, bool):
                continue
            if name in _COUNTS:
                check_number(f"{argument}.{name}", number, at_least=1, whole=True)
            else:
                check_number(f"{argument}.{name}", number, at_least=0 if name in _NEVER_NEGATIVE else None)


def check_step(optimizer: Optimizer, model: Model) -> None:
    """Check what a model does with gradients beside stepping along them.

    Args:
        optimizer: The model's optimiser.
        model: The model, with its trainer.

    Raises:
        ArgumentError: Clipping or accumulation has an impossible setting, or does not go with the optimiser.
    """
    if model.gradient_clip_val is not None:
        check_number("trainer.gradient_clip_val", model.gradient_clip_val, at_least=0, remedy="0 does not clip.")
    if model.gradient_clip_algorithm not in ("norm", "value"):
        raise ArgumentError("trainer.gradient_clip_algorithm", "norm or value", model.gradient_clip_algorithm)
    check_number("trainer.accumulate_grad_batches", model.accumulate_grad_batches, at_least=1)
    if isinstance(optimizer, LBFGS) and model.accumulate_grad_batches > 1:
        expected = "1 with LBFGS, which computes the loss of its batch several times"
        remedy = "For a larger batch: --data.batch_size"
        raise ArgumentError("trainer.accumulate_grad_batches", expected, model.accumulate_grad_batches, remedy)
    if isinstance(optimizer, LBFGS) and model.trainer.precision == "16-mixed":
        expected = "a precision that scales no gradients, with LBFGS"
        raise ArgumentError("trainer.precision", expected, "16-mixed", "Use bf16-mixed or 32-true.")


def make_schedule(
    factory: LRSchedulerCallable, optimizer: Optimizer, total_steps: Callable[[], int] | None = None
) -> tuple[LRScheduler, bool]:
    """Make the learning-rate schedule.

    Args:
        factory: What makes it: a class of torch.optim.lr_scheduler or dlcore.optim, or a `functools.partial` of one.
        optimizer: The optimiser whose rate it sets.
        total_steps: Gives the optimiser steps of the run, for a OneCycleLR that is not told its length.

    Returns:
        The schedule, and whether it takes a step for each batch (else for each epoch). Its class decides: OneCycleLR
        and CyclicLR count steps; a schedule with an attribute ``interval`` says so; all others count epochs.

    Raises:
        ArgumentError: The schedule does not accept its settings, or needs a metric.
    """
    _check_settings("lr_scheduler", _given(factory))
    try:
        if total_steps is not None and _lacks_length(factory):
            schedule = factory(optimizer, total_steps=total_steps())  # type: ignore[call-arg]
        else:
            schedule = factory(optimizer)
    except ArgumentError:
        raise
    except _REFUSALS as error:
        raise _refused("lr_scheduler", factory, error) from error
    if isinstance(schedule, ReduceLROnPlateau):
        raise needs_metric()
    return schedule, isinstance(schedule, _STEPPED_PER_BATCH) or getattr(schedule, "interval", "epoch") == "step"


def _lacks_length(factory: LRSchedulerCallable) -> bool:
    """Whether this makes a OneCycleLR whose length nobody gave."""
    given = factory.keywords if isinstance(factory, partial) else {}
    return _class_of(factory) is OneCycleLR and all(
        given.get(name) is None for name in ("total_steps", "epochs", "steps_per_epoch")
    )


def steps_of_run(trainer: Trainer, accumulate_grad_batches: int) -> int:
    """How many optimiser steps a fit will take.

    Lightning's `estimated_stepping_batches` would prepare the loaders before a checkpoint is read, whose states of them
    are lost then; and it does not know of accumulation, which the model does. Here a loader is only asked its length.

    Args:
        trainer: The trainer, when data are set up.
        accumulate_grad_batches: Batches of an optimiser step.

    Raises:
        ArgumentError: The run has no end, or the batches of an epoch are not known before.
    """
    unknown = ArgumentError(
        "lr_scheduler.total_steps",
        "the optimiser steps of the run, which are not known for this trainer or these data",
        None,
        "Give them: --model.lr_scheduler.total_steps 10000",
    )
    limit = trainer.limit_train_batches
    try:
        batches = len(trainer.fit_loop._data_source.dataloader())
    except TypeError as error:  # a stream has no length
        if not isinstance(limit, int):
            raise unknown from error
        batches = limit
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    epochs, steps = trainer.max_epochs, trainer.max_steps
    if epochs is not None and epochs >= 0:
        whole = epochs * math.ceil(batches / accumulate_grad_batches)
        return whole if steps < 0 else min(whole, steps)
    if steps < 0:
        raise unknown
    return steps


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


def check_optimization(optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable | None) -> None:
    """Try optimiser and schedule on one number, so that a wrong setting is known before any data are read.

    Raises:
        ArgumentError: One of them does not accept its settings, or the schedule gives no learning rate.
    """
    weight = nn.Parameter(torch.ones(1, 1))
    made = make_optimizer(optimizer, [weight])

    def loss() -> float:
        weight.grad = 2 * weight.detach()
        return weight.detach().square().item()

    loss()
    try:
        made.step(loss)
    except _REFUSALS as error:
        raise _refused("optimizer", optimizer, error) from error
    if lr_scheduler is None:
        return
    schedule, _ = make_schedule(lr_scheduler, made, total_steps=lambda: 100)  # any length: the run's is not known yet
    made.step(loss)
    try:
        schedule.step()
    except _REFUSALS as error:
        raise _refused("lr_scheduler", lr_scheduler, error) from error
    rate = float(made.param_groups[0]["lr"])
    if not (math.isfinite(rate) and rate >= 0):
        raise ArgumentError("lr_scheduler", "settings that give a learning rate of at least 0", rate)


def _refused(argument: str, factory: Callable[..., Any], error: Exception) -> ArgumentError:
    reason = " ".join(str(error.args[0] if isinstance(error, KeyError) else error).split())
    kind = _class_of(factory)
    return ArgumentError(
        argument, f"settings that {kind.__name__ if kind else 'torch'} accepts ({reason})", _given(factory)
    )
