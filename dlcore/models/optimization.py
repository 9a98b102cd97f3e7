"""Optimisation of a model in a trainer: optimiser, warm-up, schedule, and length of the run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlcore.errors import ArgumentError, check_number
from dlcore.lightning_compat import new_training_loader, validation_follows
from dlcore.models.combined_loaders import one_loader
from dlcore.optim import warm_up
from dlcore.optim.factories import LRSchedulerCallable, check_length, make_schedule
from dlcore.optim.optimizer_factory import make_optimizer
from dlcore.torch_compat import scale_before_step

if TYPE_CHECKING:
    from dlcore.models.model import Model


@contextmanager
def flags_in_errors(model: LightningModule) -> Iterator[None]:
    """Add the prefix ``model.`` to a model's argument in errors, as in its flag: ``model.optimizer``."""
    try:
        yield
    except ArgumentError as error:
        own = error.argument.split(".")[0] in inspect.signature(type(model)).parameters  # else trainer's or data's
        raise error.within("model") if own else error from error


def make_optimization(model: Model) -> OptimizerLRScheduler:
    """Create a model's optimiser with warm-up and schedule, for its trainer.

    Raises:
        ArgumentError: Their settings are invalid.
    """
    trainer = model.trainer
    optimizer = make_optimizer(model.optimizer_factory, model.parameters())
    if trainer.gradient_clip_val is not None:
        scale_before_step(optimizer)
    check_step(optimizer, trainer)
    if isinstance(optimizer, LBFGS) and trainer.world_size > 1:
        optimizer.register_step_pre_hook(partial(_share_loss, trainer))
    if model.warmup_steps:
        warm_up(optimizer, model.warmup_steps, lambda: model.global_step)
    if model.schedule_factory is None:
        return optimizer
    schedule, interval = schedule_of(model, optimizer)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": interval}}


def schedule_of(model: Model, optimizer: Optimizer) -> tuple[LRScheduler, str]:
    """Create a schedule for a model's optimiser; return it and its interval, ``epoch`` or ``step``."""
    steps = partial(steps_of_run, model.trainer)
    schedule, interval = make_schedule(cast(LRSchedulerCallable, model.schedule_factory), optimizer, steps)
    check_length(schedule, steps)
    return schedule, interval


def _share_loss(
    trainer: Trainer, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the line searches of all processes the same loss; else they deadlock."""
    closure = kwargs["closure"]

    def shared() -> Tensor:
        return trainer.strategy.reduce(closure(), reduce_op="mean")

    return args, {**kwargs, "closure": shared}


def validates(model: Model) -> bool:
    """Return whether the current epoch is validated, at its end or before."""
    trainer, every = model.trainer, model.trainer.check_val_every_n_epoch
    if not trainer.enable_validation:
        return False
    if every is not None:
        return (model.current_epoch + 1) % every == 0
    return model.validated_epoch == model.current_epoch or validation_follows(trainer)


def check_step(optimizer: Optimizer, trainer: Trainer) -> None:
    """Check a trainer's clipping, accumulation and precision, for an optimiser."""
    if trainer.gradient_clip_val is not None:
        check_number("trainer.gradient_clip_val", trainer.gradient_clip_val, at_least=0, remedy="0 does not clip.")
    if isinstance(optimizer, LBFGS) and trainer.accumulate_grad_batches > 1:
        expected = "1 with LBFGS, which computes the loss of its batch several times"
        remedy = "For a larger batch: --data.batch_size"
        raise ArgumentError("trainer.accumulate_grad_batches", expected, trainer.accumulate_grad_batches, remedy)
    if isinstance(optimizer, LBFGS) and trainer.precision == "16-mixed":
        expected = "a precision that scales no gradients, with LBFGS"
        raise ArgumentError("trainer.precision", expected, "16-mixed", "Use bf16-mixed or 32-true.")


def batches_of_epoch(trainer: Trainer) -> int | None:
    """Return the number of batches per epoch, after the data were set up; None for a stream without length."""
    limit = trainer.limit_train_batches
    try:
        batches = len(one_loader(new_training_loader(trainer)))
    except TypeError:  # a stream has no length
        return limit if isinstance(limit, int) else None
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


def steps_of_run(trainer: Trainer) -> int:
    """Return the number of optimiser steps of a fit, after the data were set up.

    Lightning's `estimated_stepping_batches` would prepare the loaders before the checkpoint is read, and lose its
    loader states. This function only reads the length of a loader.
    """
    batches, epochs, steps = batches_of_epoch(trainer), trainer.max_epochs, trainer.max_steps
    ends = [steps] if steps >= 0 else []
    if epochs is not None and epochs >= 0 and batches is not None:
        ends.append(epochs * math.ceil(batches / trainer.accumulate_grad_batches))
    if not ends or batches is None:
        expected = "the optimiser steps of the run, which are not known for this trainer or these data"
        remedy = "Give them: --model.lr_scheduler.total_steps 10000, or an end of the run: --trainer.max_epochs 20"
        raise ArgumentError("lr_scheduler.total_steps", expected, None, remedy)
    return min(ends)
