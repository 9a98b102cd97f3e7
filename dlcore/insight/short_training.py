"""A training of a few steps that leaves nothing behind: of a copy of any LightningModule, by Lightning's own loop."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
from torch import Tensor
from torch.nn.parameter import is_lazy

from dlcore.errors import FitError
from dlcore.execution.loop import ExecutionLoop
from dlcore.execution.per_batch_hooks import needs_each_batch
from dlcore.lightning_compat import copy_without_trainer
from dlcore.models import Model
from dlcore.runs.batch_norm_check import BatchNormCheck

_Module = TypeVar("_Module", bound=LightningModule)
_LISTS = (list, tuple)
_RATES = {"optimizer": "model.optimizer.lr", "lr": "model.lr", "learning_rate": "model.learning_rate"}


def shorten(trainer: Trainer, num_steps: int, watcher: Callback) -> None:
    """Make a trainer take so many steps, watch nothing but this, validate nothing and keep nothing.

    Optimiser and schedule are made as for the whole run, whose epochs and steps a module may ask its trainer for.

    Args:
        trainer: The trainer. It is used up.
        num_steps: Optimiser steps.
        watcher: The only callback, beside the check of batch normalisation.
    """
    check = [callback for callback in trainer.callbacks if isinstance(callback, BatchNormCheck)]  # type: ignore[attr-defined]
    trainer.callbacks = [*check, watcher, _Limit(num_steps)]  # type: ignore[attr-defined]
    trainer.loggers = []
    trainer.limit_val_batches = 0
    trainer.num_sanity_val_steps = 0
    loop = trainer.fit_loop
    loop.max_epochs, loop.min_epochs = loop.max_epochs or -1, None
    loop.epoch_loop.max_steps, loop.epoch_loop.min_steps = loop.epoch_loop.max_steps or -1, None
    if needs_each_batch(watcher) and isinstance(loop.epoch_loop, ExecutionLoop):
        loop.epoch_loop.steps = 1


class _Limit(Callback):
    """Sets the end of a training when all is made for one of another length.

    Args:
        num_steps: Optimiser steps.
    """

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set it."""
        trainer.fit_loop.max_epochs, trainer.fit_loop.epoch_loop.max_steps = -1, self._num_steps


def detached_copy(model: _Module) -> _Module:
    """A copy of a module, without its trainer.

    Raises:
        FitError: It holds something that cannot be copied.
    """
    try:
        return copy_without_trainer(model)
    except (TypeError, RuntimeError) as error:
        raise FitError(
            f"model: expected a module that can be copied, as what is looked at is a copy, got {type(model).__name__}: "
            f"{' '.join(str(error).split())}. Make what cannot be copied in setup(), not in __init__()."
        ) from error


def quiet_trainer(like: Trainer | None, watcher: Callback | None = None, **settings: Any) -> Trainer:
    """A trainer on one device that shows and keeps nothing.

    Args:
        like: Whose device, precision and length of the run it has; None: the CPU's, and Lightning's own.
        watcher: Its callback.
        settings: Of the trainer.
    """
    of_run: dict[str, Any] = {"accelerator": "cpu", "max_epochs": 1000}
    if like is not None:
        of_run = {"accelerator": like.strategy.root_device.type, "precision": like.precision}
        of_run |= {"max_epochs": like.max_epochs or -1, "max_steps": like.max_steps or -1}
    return Trainer(
        **of_run, devices=1, logger=DummyLogger(), callbacks=[watcher] if watcher else [], num_sanity_val_steps=0,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, inference_mode=False,
        log_every_n_steps=1, **settings,
    )  # fmt: skip


def take_first_step(
    model: LightningModule, datamodule: LightningDataModule, watcher: Callback, like: Trainer | None = None
) -> None:
    """Train a copy of a module for one step, as a fit would: with its hooks, its optimisers and a batch of the data.

    Args:
        model: The module; it is left as it is.
        datamodule: The data.
        watcher: Sees it. In its `on_train_batch_start` all layers are there, of those made late too.
        like: The trainer whose device and precision count; None: the CPU.
    """
    before = datamodule.trainer
    try:
        trainer = quiet_trainer(like, watcher, limit_val_batches=0)
        trainer.callbacks = [_FirstStep(), *trainer.callbacks]  # type: ignore[attr-defined]
        trainer.fit(detached_copy(model), datamodule=datamodule)
    finally:
        datamodule.trainer = before


@contextmanager
def validated(
    model: LightningModule,
    datamodule: LightningDataModule,
    like: Trainer,
    watcher: Callback | None = None,
    batches: int = 1,
) -> Iterator[tuple[Trainer, LightningModule]]:
    """Validate a copy of a module on some batches; the trainer and the copy as they are then.

    Args:
        model: The module; it is left as it is.
        datamodule: The data.
        like: The trainer whose device and precision count.
        watcher: Sees it.
        batches: How many.
    """
    before, validated = datamodule.trainer, detached_copy(model)
    trainer = quiet_trainer(like, watcher, limit_val_batches=batches)
    try:
        trainer.validate(validated, datamodule=datamodule, verbose=False)
        yield trainer, validated
    finally:
        datamodule.trainer = before


class _FirstStep(Callback):
    """Ends a training after its first step, before which all parameters have their shapes."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Give lazy parameters their shapes."""
        if any(is_lazy(parameter) for parameter in pl_module.parameters()):
            with torch.no_grad():
                training_loss(muted(pl_module, trainer), batch)
            del pl_module.log, pl_module.log_dict

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End it."""
        trainer.should_stop = True


def muted(module: _Module, trainer: Trainer) -> _Module:
    """Let a module take steps outside of a training: it has a trainer, and what it logs goes nowhere."""
    module.trainer = trainer
    module.log = module.log_dict = lambda *args, **kwargs: None  # type: ignore[method-assign, assignment]
    return module


def training_loss(module: LightningModule, batch: Any) -> Tensor:
    """The loss of a batch, a scalar: of dlcore's models the task's, of any other what `training_step` returns.

    Raises:
        FitError: It returns none.
    """
    if isinstance(module, Model):
        return module.loss(batch)
    takes_index = is_param_in_hook_signature(module.training_step, "batch_idx", min_args=2)
    returned: Any = module.training_step(batch, 0) if takes_index else module.training_step(batch)
    loss = returned.get("loss") if isinstance(returned, Mapping) else returned
    if not isinstance(loss, Tensor):
        expected = "a loss that training_step returns (a tensor, or a dictionary with the key loss)"
        raise FitError(f"model: expected {expected}, got {type(returned).__name__} from {type(module).__name__}.")
    return loss


def tensors_of(values: Any, name: str = "batch") -> Iterator[tuple[str, Tensor]]:
    """All tensors of a batch or of an output of any structure, in their order, by names: ``batch['x'][0]``."""
    if isinstance(values, Tensor):
        yield name, values
        return
    parts = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, _LISTS) else ()
    for key, value in parts:
        yield from tensors_of(value, f"{name}[{key!r}]")


def batch_size_of(batch: Any) -> int:
    """Samples of a batch: the length of its first tensor; 1 where it has none."""
    return next((len(tensor) for _, tensor in tensors_of(batch) if tensor.dim()), 1)


def rate_flag(model: LightningModule) -> str:
    """The flag that sets a model's learning rate; empty where it has none."""
    arguments = inspect.signature(type(model)).parameters
    return next((flag for argument, flag in _RATES.items() if argument in arguments), "")
