"""Train a copy of any LightningModule for a few steps on the recipe's data, without side effects."""

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
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from dlcore.errors import ArgumentError, FitError
from dlcore.execution.loop import ExecutionLoop
from dlcore.execution.per_batch_hooks import needs_each_batch
from dlcore.lightning_compat import callbacks_of, copy_without_trainer
from dlcore.models import Model
from dlcore.models.combined_loaders import one_loader
from dlcore.optim.factories import class_of
from dlcore.runs.batch_size import BatchNormCheck


def read_data(datamodule: LightningDataModule) -> None:
    """Read the data, as at the start of a fit.

    Raises:
        ArgumentError: An argument of the data is wrong; the error has its full name, ``data.root``.
        DataError: The data are missing or damaged.
    """
    try:
        datamodule.prepare_data()
        datamodule.setup("fit")
    except ArgumentError as error:
        raise named_as_flag(error, datamodule) from error


def train_loader(datamodule: LightningDataModule, trainer: Trainer | None = None) -> Any:
    """Return the loader of an epoch's training batches, for data that were read; several loaders are combined."""
    if trainer is not None:
        datamodule.trainer = trainer
    try:
        loader: Any = datamodule.train_dataloader()
    except ArgumentError as error:
        raise named_as_flag(error, datamodule) from error
    return one_loader(loader)


def first_samples(datamodule: LightningDataModule, count: int) -> tuple[Tensor, Tensor]:
    """Return the first training samples, as the network gets them: inputs (N, …) and targets (N, …).

    Args:
        datamodule: The data; read first if necessary.
        count: Most samples (N), from the first batch only.
    """
    read_data(datamodule)
    batch = next(iter(train_loader(datamodule)))
    inputs, targets = datamodule.on_after_batch_transfer((batch[0][:count], batch[1][:count]), 0)
    return inputs, targets


def named_as_flag(error: ArgumentError, datamodule: LightningDataModule) -> ArgumentError:
    """Return the error of a data module's argument with the argument's full name, ``data.root``."""
    return error.within("data") if error.argument in inspect.signature(type(datamodule)).parameters else error


_Module = TypeVar("_Module", bound=LightningModule)
_LISTS = (list, tuple)
_RATES = {"optimizer": "model.optimizer.lr", "lr": "model.lr", "learning_rate": "model.learning_rate"}


def shorten(trainer: Trainer, num_steps: int, watcher: Callback) -> None:
    """Limit a trainer to some steps, with one callback, without validation, logging and checkpoints.

    Optimiser and schedule are created as for the whole run, since a module may ask its trainer for the run's length.
    """
    check = [callback for callback in callbacks_of(trainer) if isinstance(callback, BatchNormCheck)]
    vars(trainer)["callbacks"] = [*check, watcher, _Limit(num_steps)]
    trainer.loggers = []
    trainer.limit_val_batches = 0
    trainer.num_sanity_val_steps = 0
    loop = trainer.fit_loop
    loop.max_epochs, loop.min_epochs = loop.max_epochs or -1, None
    loop.epoch_loop.max_steps, loop.epoch_loop.min_steps = loop.epoch_loop.max_steps or -1, None
    if needs_each_batch(watcher) and isinstance(loop.epoch_loop, ExecutionLoop):
        loop.epoch_loop.steps = 1


class _Limit(Callback):
    """Sets the end of a training after everything was created for a run of another length."""

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the limits."""
        trainer.fit_loop.max_epochs, trainer.fit_loop.epoch_loop.max_steps = -1, self._num_steps


def detached_copy(model: _Module) -> _Module:
    """Return a copy of a module, without its trainer.

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
    """Return a trainer on one device without output and logging.

    Args:
        like: The trainer whose device, precision and run length it copies; None: the CPU and Lightning's defaults.
        watcher: Its callback.
        settings: Further arguments of the trainer.
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
        model: The module; it is not changed.
        datamodule: The data.
        watcher: A callback. In its `on_train_batch_start` all layers exist, including those created late.
        like: The trainer whose device and precision to use; None: the CPU.
    """
    before = datamodule.trainer
    try:
        trainer = quiet_trainer(like, watcher, limit_val_batches=0)
        vars(trainer)["callbacks"] = [_FirstStep(), *callbacks_of(trainer)]
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
    """Validate a copy of a module on some batches; yield the trainer and the copy afterwards."""
    before, validated = datamodule.trainer, detached_copy(model)
    trainer = quiet_trainer(like, watcher, limit_val_batches=batches)
    try:
        trainer.validate(validated, datamodule=datamodule, verbose=False)
        yield trainer, validated
    finally:
        datamodule.trainer = before


class _FirstStep(Callback):
    """Ends a training after its first step; before it, initialises lazy parameters."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Initialise lazy parameters."""
        if any(is_lazy(parameter) for parameter in pl_module.parameters()):
            with torch.no_grad():
                training_loss(muted(pl_module, trainer), batch)
            del pl_module.log, pl_module.log_dict

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop the training."""
        trainer.should_stop = True


def muted(module: _Module, trainer: Trainer) -> _Module:
    """Let a module take steps outside of a training: set a trainer and disable logging."""
    module.trainer = trainer
    vars(module).update(dict.fromkeys(("log", "log_dict"), lambda *args, **kwargs: None))
    return module


def training_loss(module: LightningModule, batch: Any) -> Tensor:
    """Return the scalar loss of a batch: the task's for dlcore's models, else what `training_step` returns.

    Raises:
        FitError: It returns no loss.
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
    """Yield all tensors of a batch or an output of any structure, in order, with names: ``batch['x'][0]``."""
    if isinstance(values, Tensor):
        yield name, values
        return
    parts = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, _LISTS) else ()
    for key, value in parts:
        yield from tensors_of(value, f"{name}[{key!r}]")


def batch_size_of(batch: Any) -> int:
    """Return the samples of a batch: the length of its first tensor; 1 without one."""
    return next((len(tensor) for _, tensor in tensors_of(batch) if tensor.dim()), 1)


def rate_flag(model: LightningModule) -> str:
    """Return the flag that sets a model's learning rate, or its schedule's highest; empty if there is none."""
    factory = model.schedule_factory if isinstance(model, Model) else None
    if factory is not None and class_of(factory) in (OneCycleLR, CyclicLR):
        return "model.lr_scheduler.max_lr"
    arguments = inspect.signature(type(model)).parameters
    return next((flag for argument, flag in _RATES.items() if argument in arguments), "")
