"""Fine-tune a trained network: train its head first, then its backbone, with smaller learning rates by depth."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import nn

from dlcore.callbacks.metric_callback import record, say
from dlcore.errors import ArgumentError, FitError, check_number
from dlcore.lightning_compat import wrap_again
from dlcore.nn import BATCH_NORMS
from dlcore.nn.layer_groups import LayerGroup, layer_groups
from dlcore.optim.parameter_groups import split_groups
from dlcore.translation import _, ngettext

# Settings that shape the optimiser's groups, whose state a checkpoint holds.
_OF_GROUPS = ("backbone", "head", "lr_factor", "layer_decay")


@dataclass(frozen=True)
class PlannedLayer:
    """A layer of the backbone: when it comes free, and how fast it learns.

    Args:
        group: The layer.
        epoch: The first epoch in which it learns, from 0; None: never.
        factor: Factor on the learning rate.
        size: Numbers in its parameters; of those that the module froze itself, none.
    """

    group: LayerGroup
    epoch: int | None
    factor: float
    size: int


@final
class FineTuning(Callback):
    """Trains the head of a trained network first, then its backbone with smaller learning rates.

    A frozen layer does not change: its parameters have `requires_grad` false, and its batch normalisation is in
    evaluation mode. Which layers are frozen depends on the epoch only, and the optimiser has all groups of parameters
    from the start, so a run that is resumed before, at or after an unfreezing ends like one that was not interrupted.
    Layers that the module itself has frozen stay so.

    In any Trainer: ``Trainer(callbacks=[FineTuning(freeze_epochs=2)])``, for a module with a submodule ``backbone``, or
    with its name. The layers of the backbone are its submodules in their order; the layers of a Sequential count by
    themselves.

    Args:
        backbone: Path of the submodule that was trained before: backbone, or encoder.layers; dlcore's CNN has one.
        head: Path of a submodule within the backbone that learns from the start: backbone.fc; null: the module's
            attribute head, if it has one (of dlcore's CNN the output layer).
        freeze_epochs: Epochs that train the head alone; 0: the backbone is never frozen; null: it always is.
        layers_per_epoch: Layers that come free in each epoch after that, next to the head first; null: all at once.
        lr_factor: Learning rate of the backbone, as a factor on that of the head, above 0.
        layer_decay: Further factor from each layer to the one before it, in (0, 1]: with 0.8 the third layer from the
            head has 0.8² times the rate of the first.

    Raises:
        ArgumentError: A value is out of range, the module has no such part, or nothing would learn.
        FitError: The trainer's strategy shards the parameters.

    Reference: Howard and Ruder (2018), "Universal language model fine-tuning for text classification",
    arXiv:1801.06146 (gradual unfreezing, learning rates by layer).
    """

    def __init__(
        self,
        backbone: str = "backbone",
        head: str | None = None,
        freeze_epochs: int | None = 1,
        layers_per_epoch: int | None = None,
        lr_factor: float = 0.1,
        layer_decay: float = 1.0,
    ) -> None:
        if freeze_epochs is not None:
            check_number("freeze_epochs", freeze_epochs, at_least=0, whole=True)
        if layers_per_epoch is not None:
            check_number("layers_per_epoch", layers_per_epoch, at_least=1, whole=True)
            if not freeze_epochs:
                expected = "freeze_epochs of at least 1 with it, for layers to come free"
                raise ArgumentError("layers_per_epoch", expected, layers_per_epoch, "Leave it out.")
        check_number("lr_factor", lr_factor, above=0)
        check_number("layer_decay", layer_decay, above=0, at_most=1)
        self.backbone, self.head = backbone, head
        self.freeze_epochs, self.layers_per_epoch = freeze_epochs, layers_per_epoch
        self.lr_factor, self.layer_decay = lr_factor, layer_decay
        self._layers: list[PlannedLayer] = []
        self._learning: list[list[nn.Parameter]] = []  # of each layer, those that the module has not frozen itself
        self._held: dict[int, nn.Module] = {}  # batch normalisation that was put in evaluation mode

    def plan(self, model: nn.Module) -> list[PlannedLayer]:
        """Return the layers of a module's backbone, input side first, with the epoch in which each comes free.

        Raises:
            ArgumentError: The module has no such part, or nothing would learn.
        """
        backbone = _submodule(model, "backbone", self.backbone)
        given = getattr(model, "head", None)
        head = given if isinstance(given, nn.Module) else None
        head = _submodule(model, "head", self.head) if self.head is not None else head
        groups = layer_groups(backbone, head)
        inside = {id(each) for group in groups for each in group.parameters}
        if not groups:
            raise ArgumentError("fine_tuning.backbone", "a submodule with parameters", self.backbone)
        if self.freeze_epochs != 0 and not any(
            each.requires_grad and id(each) not in inside for each in model.parameters()
        ):
            expected = f"a layer that learns while {self.backbone} is frozen"
            remedy = "Name one: --fine_tuning.head PATH, or freeze nothing: --fine_tuning.freeze_epochs 0"
            raise ArgumentError("fine_tuning.head", expected, self.head, remedy)
        planned = []
        for place, group in enumerate(groups):
            above = len(groups) - 1 - place  # layers between it and the head
            later = above // self.layers_per_epoch if self.layers_per_epoch is not None else 0
            epoch = None if self.freeze_epochs is None else self.freeze_epochs + later
            size = sum(each.numel() for each in group.parameters if each.requires_grad)
            planned.append(PlannedLayer(group, epoch, self.lr_factor * self.layer_decay**above, size))
        return planned

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Split the optimisers' groups, before Lightning restores their state."""
        if not (isinstance(trainer.strategy, SingleDeviceStrategy) or type(trainer.strategy) is DDPStrategy):
            name = type(trainer.strategy).__name__
            raise FitError(
                f"fine_tuning: expected whole parameters in each process, got {name}. Use --trainer.strategy ddp"
            )
        self._layers, self._held = self.plan(pl_module), {}
        self._learning = [[each for each in layer.group.parameters if each.requires_grad] for layer in self._layers]
        self._add_left_out(trainer)
        factors = {
            each: layer.factor for layer, some in zip(self._layers, self._learning, strict=True) for each in some
        }
        for optimizer in trainer.optimizers:
            schedules = [each.scheduler for each in trainer.lr_scheduler_configs]
            split_groups(optimizer, [each for each in schedules if each.optimizer is optimizer], factors)

    def _add_left_out(self, trainer: Trainer) -> None:
        """Give the optimiser the parameters of the backbone that the module has not given it."""
        held = {
            id(each) for optimizer in trainer.optimizers for group in optimizer.param_groups for each in group["params"]
        }
        left_out = [each for some in self._learning for each in some if id(each) not in held]
        if not left_out or self.freeze_epochs is None:
            return
        if len(trainer.optimizers) != 1:
            expected = "an optimiser that holds the parameters of the backbone"
            remedy = "Give them to one in configure_optimizers."
            raise ArgumentError("fine_tuning.backbone", expected, self.backbone, remedy)
        trainer.optimizers[0].param_groups[0]["params"].extend(left_out)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Freeze the layers that do not learn in this epoch, and say so."""
        self._freeze(trainer)
        if trainer.ckpt_path is None:
            say(trainer, self._description())
            if not may_be_pretrained(pl_module):
                text = _("The backbone's weights are drawn by chance. To begin from trained ones: --model.weights FILE")
                say(trainer, text)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Unfreeze the layers that learn from this epoch on."""
        freed = self._freeze(trainer)
        if freed:
            names = [layer.group.name for layer in reversed(freed)]
            named = _(", ").join(names[:3]) + (_(" and {n} more").format(n=len(names) - 3) if len(names) > 3 else "")
            text = _("Epoch {epoch}: {names} learn from now on ({n:,} parameters).").format(
                epoch=trainer.current_epoch + 1, names=named, n=sum(layer.size for layer in freed)
            )
            record(trainer, "unfrozen", text, layers=names)
            say(trainer, text)

    @property
    def frozen_for_a_time(self) -> list[nn.Parameter]:
        """The parameters that it freezes and unfreezes, during a fit."""
        return [each for some in self._learning for each in some]

    def _freeze(self, trainer: Trainer) -> list[PlannedLayer]:
        """Set what learns in the current epoch; return the layers that come free."""
        epoch, freed, changed = trainer.current_epoch, [], False
        for layer, parameters in zip(self._layers, self._learning, strict=True):
            learns = layer.epoch is not None and epoch >= layer.epoch
            for module in (part for root in layer.group.modules for part in root.modules()):
                if not learns and isinstance(module, BATCH_NORMS) and module.training:
                    self._held[id(module)] = module.eval()
                elif learns and id(module) in self._held:
                    self._held.pop(id(module)).train()
            if parameters and parameters[0].requires_grad != learns:
                changed = True
                freed += [layer] if learns else []
                for parameter in parameters:
                    parameter.requires_grad_(learns)
                    parameter.grad = None
        if changed:
            wrap_again(trainer)
        return freed

    def _description(self) -> str:
        size = sum(layer.size for layer in self._layers)
        count = len(self._layers)
        layers = ngettext("{n} layer", "{n} layers", count).format(n=count)
        text = _("Fine-tuning: the backbone has {layers}, {size:,} parameters, and {factor:g} times the learning rate")
        text = text.format(layers=layers, size=size, factor=self.lr_factor)
        return _("{text}; {frozen}.").format(text=text, frozen=self.frozen_in_words())

    def frozen_in_words(self) -> str:
        """Describe for how long the backbone is frozen; epochs count from 1."""
        if self.freeze_epochs is None:
            return _("it is always frozen")
        if self.freeze_epochs == 0:
            return _("it learns from the start")
        if self.layers_per_epoch is None:
            return _("it is frozen up to epoch {epoch}").format(epoch=self.freeze_epochs)
        text = _("it is frozen up to epoch {epoch}, then {n} of its layers come free in each epoch")
        return text.format(epoch=self.freeze_epochs, n=self.layers_per_epoch)

    def _unfreeze(self) -> None:
        """Leave the module as it was found."""
        for parameter in self.frozen_for_a_time:
            parameter.requires_grad_(True)
        for module in self._held.values():
            module.train()
        self._layers, self._learning, self._held = [], [], {}

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Unfreeze what this callback froze."""
        self._unfreeze()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Unfreeze what this callback froze: after an exception, Lightning does not call `teardown`."""
        self._unfreeze()

    def state_dict(self) -> dict[str, Any]:
        """Return the settings that shape the optimiser's groups."""
        return {name: getattr(self, name) for name in _OF_GROUPS}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Check that the optimiser's groups are those of the checkpoint."""
        for name in _OF_GROUPS:
            if state_dict[name] != getattr(self, name):
                expected = f"{state_dict[name]}, with which the run began"
                raise ArgumentError(f"fine_tuning.{name}", expected, getattr(self, name), "Leave it out.")

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Check that the checkpoint is of a run with fine-tuning."""
        if trainer.state.fn == "fit" and self.state_key not in checkpoint.get("callbacks", {}):
            expected = "off, as when the run began: its optimiser has one learning rate for all layers"
            remedy = "To begin a new run from a checkpoint's weights: --model.weights FILE, without --ckpt_path"
            raise ArgumentError("fine_tuning", expected, "on", remedy)


def may_be_pretrained(model: nn.Module) -> bool:
    """Return whether a network may have been trained before; of dlcore's CNN it is known."""
    return bool(getattr(model, "has_pretrained_weights", True))


def fine_tuning_of(trainer: Trainer) -> FineTuning | None:
    """Return the trainer's `FineTuning`; None without one."""
    return next((each for each in getattr(trainer, "callbacks", ()) if isinstance(each, FineTuning)), None)


def _submodule(model: nn.Module, argument: str, path: str) -> nn.Module:
    try:
        found = attrgetter(path)(model)
    except AttributeError:
        found = None
    if isinstance(found, nn.Module):
        return found
    names = [name for name, child in model.named_children() if any(True for _ in child.parameters())]
    expected = f"a submodule of {type(model).__name__} ({', '.join(names) or 'it has none with parameters'})"
    example = f"For example: --fine_tuning.{argument} {names[0]}" if names else ""
    raise ArgumentError(f"fine_tuning.{argument}", expected, path, example)
