"""What the checks look at: model, data and trainer of a recipe, some batches, copies of the model.

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
from dlcore.insight.short_training import detached_copy, muted, take_first_step, training_loss
from dlcore.insight.training_data import read_data, train_loader
from dlcore.models import Model
from dlcore.nn import BATCH_NORMS, Regression, Task
from dlcore.optim.optimizer_factory import make_optimizer
from dlcore.text import TextBatch

# Of the training batches so many are looked at: until one of these is reached.
_TARGETS, _BATCHES, _NUMBERS = 1024, 64, 20_000_000
_SAMPLES = 32


class Case:
    """A recipe's objects, read and ready to be looked at. Model and data are left as they are.

    Args:
        model: Any LightningModule. Of one that is not dlcore's, what begins to train is looked at: with the layers that
            it makes late, and the first batch as it gets it.
        datamodule: The data; they are read.
        trainer: The trainer that would train.
        trained: Whether the weights come from a training (a checkpoint), so that they are not those of a beginning.

    Attributes:
        device: Where training would compute.
        loader: The training batches.
        earlier: What the checks before this one found, by name.
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
                continue  # has no variance: another check says so
            found.append(self.delivered(batch))
            targets, numbers = targets + found[-1][1].numel(), numbers + found[-1][0].numel()
            if targets >= _TARGETS or len(found) >= _BATCHES or numbers >= _NUMBERS:
                break
        return found or [self.plain_batch(_SAMPLES)]

    def delivered(self, batch: Any) -> Any:
        """A loader's batch as the model gets it."""
        data = self.datamodule
        batch = move_data_to_device(data.on_before_batch_transfer(batch, 0), self.device)
        return data.on_after_batch_transfer(batch, 0)

    def plain_batch(self, most: int, varied: bool = False) -> Any:
        """The first training samples (B at most `most`), not augmented; of text a few rows.

        Args:
            most: How many samples, of text tokens. Of a module that is not dlcore's it is the whole batch, whose
                structure only the module knows.
            varied: Take of each class equally many, as far as there are.
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
        """Whether the model says what it learns: inputs and targets, a loss of them that is its task's."""
        return isinstance(self.model, Model)

    @property
    def task(self) -> Task | None:
        """The task of dlcore's models; None of other modules."""
        return self.model.task if isinstance(self.model, Model) else None

    @cached_property
    def _begun(self) -> _Begun:
        begun = _Begun()
        take_first_step(self.model, self.datamodule, begun, self.trainer)
        return begun

    def fresh_model(self, noise: bool = True) -> LightningModule:
        """A copy of the model on the device, in training mode; what it logs goes nowhere.

        Args:
            noise: False switches off dropout of every kind.
        """
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
        """A new optimiser of a fresh model."""
        if isinstance(model, Model):
            return make_optimizer(model.optimizer_factory, [p for p in model.parameters() if p.requires_grad])
        trainer = model.trainer
        trainer.strategy.connect(model)
        trainer.strategy.setup_optimizers(trainer)
        return trainer.optimizers[0]

    def computing(self) -> AbstractContextManager[Any]:
        """The precision of the training: losses are computed within this."""
        return self.trainer.precision_plugin.forward_context()

    def loss(self, model: LightningModule, batch: Any) -> Tensor:
        """The loss of a batch, as a training step computes it; of dlcore's models the task's."""
        with self.computing():
            return training_loss(model, batch)

    # Settings

    def takes(self, section: str, argument: str) -> bool:
        """Whether the class in a section of the config (``model``, ``data``) has an argument."""
        chosen = self.model if section == "model" else self.datamodule
        return argument in inspect.signature(type(chosen)).parameters

    def flag(self, section: str, argument: str, value: Any, does: str = "") -> str:
        """A remedy: a flag and what it does; empty where there is no such argument."""
        if not self.takes(section, argument):
            return ""
        return f"--{section}.{argument} {value}{': ' * bool(does)}{does}"

    def remedies(self, name: str) -> list[str]:
        """What an earlier check advised."""
        found = self.earlier.get(name)
        return [remedy for finding in (found.findings if found else []) for remedy in finding.remedies]

    @cached_property
    def schedule(self) -> SchedulePreview | DlcoreError:
        """The learning rate of each step of the run, or why there is none."""
        try:
            return preview_schedule(self.model, self.datamodule, self.trainer)
        except DlcoreError as error:
            return error

    @property
    def target_unit(self) -> float:
        """What the data divide the targets by."""
        return float(getattr(self.datamodule, "target_unit", 1.0))

    @property
    def endless(self) -> bool:
        """Whether the run ends only when somebody stops it."""
        return self.trainer.max_epochs == -1 and self.trainer.max_steps < 0

    @property
    def validates(self) -> bool:
        """Whether the run validates: model and data have what it takes."""
        own = is_overridden("validation_step", self.model) and is_overridden("val_dataloader", self.datamodule)
        return own and bool(self.trainer.limit_val_batches)

    @property
    def normalizes(self) -> bool:
        """Whether the network has batch normalisation."""
        return any(isinstance(layer, BATCH_NORMS) for layer in self.model.modules())


class _Begun(Callback):
    """Keeps a copy of a module as it is before its first step, and the first batch as it gets it."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keep them."""
        self.model, self.batch, self.trainer = detached_copy(pl_module), batch, trainer


def _turns(classes: Tensor) -> Tensor:
    """An order of samples (N,) in which the classes take turns."""
    turn = torch.empty_like(classes)
    for label in classes.unique():
        own = classes == label
        turn[own] = torch.arange(int(own.sum()), device=classes.device)
    return turn.argsort(stable=True)


def _silence(layer: nn.Module) -> None:
    """Switch off what a layer drops by chance."""
    kind = type(layer).__name__
    if isinstance(getattr(layer, "p", None), float) and ("Drop" in kind or "Depth" in kind):  # stochastic depth
        layer.p = 0.0  # type: ignore[assignment]
    for name in ("dropout", "weight_drop", "word_dropout"):
        if isinstance(getattr(layer, name, None), float):
            setattr(layer, name, 0.0)
