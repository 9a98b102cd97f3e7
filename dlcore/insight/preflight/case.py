"""The input of the checks: model, data and trainer of a recipe, some batches, copies of the model.

Shapes: B samples of a batch, T tokens of a row.
"""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities import move_data_to_device
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor, nn
from torch.optim import Optimizer

from dlcore.data.array_data import ArrayData
from dlcore.data.batches import BatchLoader
from dlcore.errors import DlcoreError
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.schedule_preview import SchedulePreview, preview_schedule
from dlcore.insight.short_training import detached_copy, muted, read_data, take_first_step, train_loader, training_loss
from dlcore.models import Model
from dlcore.nn import BATCH_NORMS, Regression, Task
from dlcore.optim.optimizer_factory import make_optimizer
from dlcore.text import TextBatch
from dlcore.translation import _

# Use training batches until one of these limits is reached.
_TARGETS, _BATCHES, _NUMBERS = 1024, 64, 20_000_000
_SAMPLES = 32


class Case:
    """A recipe's objects, read and ready for the checks. Model and data are not changed.

    Args:
        model: Any LightningModule. A module that is not dlcore's is inspected at its first training step: with the
            layers that it creates late, and the first batch as it gets it.
        datamodule: The data; they are read.
        trainer: The trainer of the run.
        trained: Whether the weights come from a checkpoint instead of initialisation.

    Attributes:
        device: The device of the training.
        loader: The training batches.
        earlier: Results of the checks before this one, by name.
    """

    def __init__(
        self, model: LightningModule, datamodule: LightningDataModule, trainer: Trainer, trained: bool = False
    ) -> None:
        self.model, self.datamodule, self.trainer, self.trained = model, datamodule, trainer, trained
        read_data(datamodule)
        self.loader = train_loader(datamodule, trainer)
        self.device: torch.device = trainer.strategy.root_device
        self.earlier: dict[str, CheckResult] = {}

    # Batches

    @cached_property
    def batches(self) -> list[Any]:
        """Some training batches, as the network gets them: on the device, scaled, augmented."""
        if not self.knows_task:
            return [self._begun.batch]
        found: list[Any] = []
        targets = numbers = 0
        for batch in self.loader:
            if len(batch[0]) < 2 and self.normalizes:
                continue  # has no variance: another check reports it
            found.append(self.delivered(batch))
            targets, numbers = targets + found[-1][1].numel(), numbers + found[-1][0].numel()
            if targets >= _TARGETS or len(found) >= _BATCHES or numbers >= _NUMBERS:
                break
        return found or [self.plain_batch(_SAMPLES)]

    def delivered(self, batch: Any) -> Any:
        """Return a loader's batch as the model gets it."""
        data = self.datamodule
        batch = move_data_to_device(data.on_before_batch_transfer(batch, 0), self.device)
        return data.on_after_batch_transfer(batch, 0)

    def plain_batch(self, most: int, varied: bool = False) -> Any:
        """Return the first training samples (B at most `most`), not augmented; a few rows of text.

        Args:
            most: Most samples, or tokens of text. For a module that is not dlcore's it is the whole batch, whose
                structure only the module knows.
            varied: Take equally many of each class, as far as possible.
        """
        if not self.knows_task:
            return self.batches[0]
        if isinstance(self.datamodule, ArrayData) and isinstance(self.loader, BatchLoader):
            part, order = self.datamodule.parts["train"], self.loader.order(0)
            if varied and not isinstance(self.task, Regression):
                order = order[_turns(part.targets[order])]
            return self.delivered(part.fetch(order[:most]))
        first = self.batches[0]
        if isinstance(first, TextBatch):
            rows = max(1, most // max(first.inputs.shape[1], 1))
            inputs, targets, characters = (part[:rows] for part in first[:3])
            return TextBatch(inputs, targets, characters, continues=False)
        return tuple(part[:most] for part in first)

    # Models

    @property
    def knows_task(self) -> bool:
        """Whether the model has a task: inputs and targets, and the task's loss."""
        return isinstance(self.model, Model)

    @property
    def task(self) -> Task | None:
        """The task of dlcore's models; None for other modules."""
        return self.model.task if isinstance(self.model, Model) else None

    @cached_property
    def _begun(self) -> _Begun:
        begun = _Begun()
        take_first_step(self.model, self.datamodule, begun, self.trainer)
        return begun

    def fresh_model(self, noise: bool = True) -> LightningModule:
        """Return a copy of the model on the device, in training mode, without logging; without `noise`, no dropout."""
        copied = detached_copy(self.model if self.knows_task else self._begun.model)
        if not self.knows_task:
            muted(copied, self._begun.trainer)
        self.trainer.precision_plugin.convert_module(copied)  # in place
        copied.to(self.device).train()
        if not noise:
            for layer in copied.modules():
                _silence(layer)
        return copied

    def optimizer(self, model: LightningModule) -> Optimizer:
        """Return a new optimiser of a fresh model."""
        if isinstance(model, Model):
            return make_optimizer(model.optimizer_factory, [p for p in model.parameters() if p.requires_grad])
        trainer = model.trainer
        trainer.strategy.connect(model)
        trainer.strategy.setup_optimizers(trainer)
        return trainer.optimizers[0]

    def computing(self) -> AbstractContextManager[Any]:
        """Return the precision context of the training; compute losses within it."""
        return self.trainer.precision_plugin.forward_context()

    def loss(self, model: LightningModule, batch: Any) -> Tensor:
        """Return the loss of a batch, as a training step computes it; for dlcore's models the task's."""
        with self.computing():
            return training_loss(model, batch)

    def scores(self, model: LightningModule, inputs: Any) -> Tensor | None:
        """Return what `forward` gives for inputs (N, …) in evaluation mode: scores (N, …), one or several a sample.

        None if the inputs are not numbers, or if `forward` needs more than them.
        """
        if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
            return None
        model.eval()
        try:
            with torch.no_grad(), self.computing():
                found = model(inputs)
        except Exception:  # a forward pass of the user's own may have any signature; the training step is what counts
            return None
        finally:
            model.train()
        return found.float() if isinstance(found, Tensor) and len(found) == len(inputs) else None

    # Settings

    def takes(self, section: str, argument: str) -> bool:
        """Return whether the class in a section of the config (``model``, ``data``) has an argument."""
        chosen = self.model if section == "model" else self.datamodule
        return argument in inspect.signature(type(chosen)).parameters

    def flag(self, section: str, argument: str, value: Any, does: str = "") -> str:
        """Return a remedy: a flag and its effect; empty if there is no such argument."""
        if not self.takes(section, argument):
            return ""
        flag = f"--{section}.{argument} {value}"
        return _("{flag}: {does}").format(flag=flag, does=does) if does else flag

    def remedies(self, name: str) -> list[str]:
        """Return the remedies of an earlier check."""
        found = self.earlier.get(name)
        return [remedy for finding in (found.findings if found else []) for remedy in finding.remedies]

    @cached_property
    def schedule(self) -> SchedulePreview | DlcoreError:
        """The learning rate of each step of the run, or the error that explains why there is none."""
        try:
            return preview_schedule(self.model, self.datamodule, self.trainer)
        except DlcoreError as error:
            return error

    @property
    def target_unit(self) -> float:
        """The divisor of the data's targets."""
        return float(getattr(self.datamodule, "target_unit", 1.0))

    @property
    def endless(self) -> bool:
        """Whether the run has no end of its own."""
        return self.trainer.max_epochs == -1 and self.trainer.max_steps < 0

    @property
    def validates(self) -> bool:
        """Whether the run validates: model and data support it, and it is not disabled."""
        own = is_overridden("validation_step", self.model) and is_overridden("val_dataloader", self.datamodule)
        return own and bool(self.trainer.limit_val_batches)

    @property
    def normalizes(self) -> bool:
        """Whether the network has batch normalisation."""
        return any(isinstance(layer, BATCH_NORMS) for layer in self.model.modules())


class _Begun(Callback):
    """Keeps a copy of a module before its first step, and the first batch as the module gets it."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keep them."""
        self.model, self.batch, self.trainer = detached_copy(pl_module), batch, trainer


def _turns(classes: Tensor) -> Tensor:
    """Return an order of samples (N,) in which the classes take turns."""
    turn = torch.empty_like(classes)
    for label in classes.unique():
        own = classes == label
        turn[own] = torch.arange(int(own.sum()), device=classes.device)
    return turn.argsort(stable=True)


def _silence(layer: nn.Module) -> None:
    """Disable a layer's random dropout."""
    kind = type(layer).__name__
    drops = "Drop" in kind or "Depth" in kind  # stochastic depth
    for name in ("dropout", "weight_drop", "word_dropout", *["p"] * drops):
        if isinstance(getattr(layer, name, None), float):
            setattr(layer, name, 0.0)
