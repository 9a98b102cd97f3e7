"""Test on a copy of a schedule whether it keeps a cut of the learning rate."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch.optim import Optimizer

from dlcore.errors import FitError

_MOST = 2000  # steps of a trial: tens of milliseconds
_SAME = 1e-6  # relative


def undone_after(config: Any, trainer: Trainer, factor: float) -> int | None:
    """Cut the rate of a copy, step it to the end of the run, and compare it with an uncut copy.

    The schedule undoes the cut if both reach the same rate, unless that is the schedule's lowest rate and not above the
    cut one: then both only end there, as with a cosine.

    Returns:
        Schedule steps after which the cut is undone; None if it is kept.
    """
    steps = _steps(config, trainer)
    plain, cut = _rates(config.scheduler, steps, 1.0), _rates(config.scheduler, steps, factor)
    for group in range(len(plain[0])):
        lowest = min(rates[group] for rates in plain)
        for step in range(1, min(len(plain), len(cut))):
            rate = plain[step][group]
            at_end = rate <= lowest * (1 + _SAME) and rate <= cut[0][group]
            if math.isclose(rate, cut[step][group], rel_tol=_SAME) and not at_end:
                return step
    return None


def _steps(config: Any, trainer: Trainer) -> int:
    """Return the number of schedule steps left whose rate is still used, at most `_MOST`."""
    per_batch = config.interval == "step"
    epochs = trainer.max_epochs if trainer.max_epochs is not None and trainer.max_epochs >= 0 else math.inf
    steps = epochs * trainer.num_training_batches if per_batch else epochs
    if trainer.max_steps >= 0:
        steps = min(steps, trainer.max_steps)
    return max(0, int(min(steps - 1 - getattr(config.scheduler, "last_epoch", 0), _MOST)))


def _rates(schedule: Any, steps: int, factor: float) -> list[list[float]]:
    """Multiply a copy's rates by a factor; return the rates of each group before and after each step."""
    optimizer = _copy_without_weights(schedule.optimizer)
    try:
        copied: Any = copy.deepcopy(schedule, {id(schedule.optimizer): optimizer})
    except Exception as error:  # a user's schedule may hold anything
        raise FitError(
            f"reduce_lr_on_plateau: expected a schedule that can be copied, to try whether it keeps a cut, got "
            f"{type(schedule).__name__}: {error}. Switch one of them off: --reduce_lr_on_plateau off"
        ) from error
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    rates = [[float(group["lr"]) for group in optimizer.param_groups]]
    with warnings.catch_warnings():
        # torch warns if a schedule is stepped before its optimiser, and in other cases.
        warnings.simplefilter("ignore")
        for _ in range(steps):
            try:
                copied.step()
            except (ValueError, TypeError):  # the schedule has ended, or needs a metric
                break
            rates.append([float(group["lr"]) for group in optimizer.param_groups])
    return rates


def _copy_without_weights(optimizer: Optimizer) -> Optimizer:
    """Return an optimiser with the same groups, settings and rates, but no parameters."""
    copied = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    without = [{**group, "params": []} for group in optimizer.param_groups]
    copied.param_groups = copy.deepcopy(without)
    return copied
