"""Creation of an optimiser from a callable, fused if possible, and early checks of optimiser and schedule."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from contextlib import suppress

import torch
from torch import nn
from torch.optim import Muon, Optimizer, SparseAdam

from dlcore.errors import ArgumentError
from dlcore.optim.factories import (
    REFUSALS,
    LRSchedulerCallable,
    OptimizerCallable,
    check_settings,
    class_of,
    given_settings,
    make_schedule,
    refused,
)
from dlcore.torch_compat import ask_for_no_gpu


def make_optimizer(factory: Callable[..., Optimizer], params: Iterable[nn.Parameter]) -> Optimizer:
    """Create the optimiser, fused if torch has that implementation and the user chose none.

    Args:
        factory: A class of torch.optim, a `functools.partial` of one, or a user's function; a function without the
            argument ``fused`` chooses the implementation itself.
        params: The parameters to optimise.

    Raises:
        ArgumentError: There is no optimiser, its settings are invalid (torch accepts NaN for some), or it cannot train
            these parameters.
    """
    if not callable(factory):
        example = "For example: --model.optimizer Adam --model.optimizer.lr 0.001"
        raise ArgumentError("optimizer", "an optimiser of torch.optim, by name", factory, example)
    check_settings("optimizer", given_settings(factory))
    params = list(params)
    kind = class_of(factory)
    if kind is SparseAdam:
        expected = "an optimiser for gradients that are not sparse, as all of dlcore's are"
        raise ArgumentError("optimizer", expected, "SparseAdam", "Use Adam.")
    if kind is Muon and any(parameter.dim() != 2 for parameter in params):
        expected = "an optimiser that also trains biases, kernels and scales, which are no matrices"
        raise ArgumentError("optimizer", expected, "Muon", "Use AdamW.")
    try:
        optimizer = factory(params)
    except REFUSALS as error:
        raise refused("optimizer", factory, error) from error
    check_settings("optimizer", optimizer.defaults)
    has, takes = optimizer.defaults, inspect.signature(factory).parameters
    open_choice = has.get("fused", False) is None and has.get("foreach") is None
    open_choice = open_choice and not has.get("capturable") and not has.get("differentiable")
    if open_choice and ("fused" in takes or any(each.kind is each.VAR_KEYWORD for each in takes.values())):
        # An error means: not available for this device, or a subclass does not pass `fused` on.
        with suppress(RuntimeError, TypeError):
            optimizer = factory(params, fused=True)
    if all(parameter.device.type == "cpu" for parameter in params):
        ask_for_no_gpu(optimizer)
    return optimizer


def check_optimization(optimizer: OptimizerCallable, lr_scheduler: LRSchedulerCallable | None) -> None:
    """Try optimiser and schedule on one number, to detect wrong settings before any data are read.

    Raises:
        ArgumentError: Settings are invalid, or the schedule gives no valid learning rate.
    """
    weight = nn.Parameter(torch.ones(1, 1))
    made = make_optimizer(optimizer, [weight])

    def loss() -> float:
        weight.grad = 2 * weight.detach()
        return weight.detach().square().item()

    loss()
    try:
        made.step(loss)
    except REFUSALS as error:
        raise refused("optimizer", optimizer, error) from error
    if lr_scheduler is None:
        return
    schedule, _ = make_schedule(lr_scheduler, made, total_steps=lambda: 100)  # any length: the run's is unknown yet
    made.step(loss)
    try:
        schedule.step()
    except REFUSALS as error:
        raise refused("lr_scheduler", lr_scheduler, error) from error
    rate = float(made.param_groups[0]["lr"])
    if not (math.isfinite(rate) and rate >= 0):
        raise ArgumentError("lr_scheduler", "settings that give a learning rate of at least 0", rate)
