"""Whether a schedule keeps a cut of the learning rate: tried on a copy of it."""

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
    """Cut the rate of a copy, step it to the end of the run, and compare with one that was not cut.

    A cut is undone where both come to the same rate. Where that is the lowest rate of the schedule, which lies below
    the cut one, they only meet at its end, as those of a cosine do.

    Args:
        config: One of `trainer.lr_scheduler_configs`.
        trainer: The trainer.
        factor: What a cut multiplies the rate by, in (0, 1).

    Returns:
        Steps of the schedule after which the cut is undone; None where it is kept.

    Raises:
        FitError: The schedule cannot be copied.
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
    """After how many of the steps that are left to the schedule its rate is still used, as far as it is known."""
    per_batch = config.interval == "step"
    epochs = trainer.max_epochs if trainer.max_epochs is not None and trainer.max_epochs >= 0 else math.inf
    steps = epochs * trainer.num_training_batches if per_batch else epochs
    if trainer.max_steps >= 0:
        steps = min(steps, trainer.max_steps)
    return max(0, int(min(steps - 1 - getattr(config.scheduler, "last_epoch", 0), _MOST)))


def _rates(schedule: Any, steps: int, factor: float) -> list[list[float]]:
    """The rates of each group before and after each step of a copy, whose rate was multiplied by a factor first."""
    optimizer = _copy_without_weights(schedule.optimizer)
    try:
        copied: Any = copy.deepcopy(schedule, {id(schedule.optimizer): optimizer})
    except Exception as error:  # whatever a schedule of the user's own holds
        raise FitError(
            f"reduce_lr_on_plateau: expected a schedule that can be copied, to try whether it keeps a cut, got "
            f"{type(schedule).__name__}: {error}. Switch one of them off: --reduce_lr_on_plateau off"
        ) from error
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    rates = [[float(group["lr"]) for group in optimizer.param_groups]]
    with warnings.catch_warnings():
        # torch warns of a schedule that is stepped before its optimiser, and of other things at its step.
        warnings.simplefilter("ignore")
        for _ in range(steps):
            try:
                copied.step()
            except (ValueError, TypeError):  # it is over; or it asks for a metric
                break
            rates.append([float(group["lr"]) for group in optimizer.param_groups])
    return rates


def _copy_without_weights(optimizer: Optimizer) -> Optimizer:
    """An optimiser with the same groups, settings and rates, and nothing to optimise."""
    copied = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    without = [{**group, "params": []} for group in optimizer.param_groups]
    copied.param_groups = copy.deepcopy(without)
    return copied
