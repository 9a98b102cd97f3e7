"""How weights, biases and gradients are distributed, layer by layer, as training goes on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.errors import check_number
from dlcore.tracking import count_histogram, layer_by_step
from dlcore.tracking.run_logger import RunLogger

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
class ParameterDistribution(MetricCallback):
    """Shows weights, biases and gradients as TensorBoard histograms, and in overview pictures at the end.

    Counting happens on the device, drawing and writing in the background: training does not wait. A look is taken
    before the first step and at the validation of an epoch, or at its end; the gradients are those of the last step
    before. The pictures, weights.png and gradients.png in the run's folder, have a row a layer and a column a look: the
    spread of the weights, and the size of their gradients.

    Args:
        every_n_epochs: Look at each so many-th epoch, at least 1; where it validates several times, each time.
        gradients: Whether gradients are shown too.

    Raises:
        ArgumentError: A value lies outside its range.
    """

    def __init__(self, every_n_epochs: int = 1, gradients: bool = True) -> None:
        check_number("every_n_epochs", every_n_epochs, at_least=1, whole=True)
        self.every_n_epochs, self.gradients = every_n_epochs, gradients
        # Spread of the weights and norm of the gradients of each layer, at each look; read from the device at the end.
        self._steps: list[int] = []
        self._spreads: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._layers: list[str] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the initial weights."""
        super().on_train_start(trainer, pl_module)
        self._layers = [_layer(name) for name, _ in _trained(pl_module) if _kind(name) == "weights"]
        if not self._steps:
            self._look(trainer, pl_module)

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Look, in an epoch whose turn it is."""
        if (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            self._look(trainer, model)

    @torch.no_grad()
    def _look(self, trainer: Trainer, model: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        tensors: dict[str, Tensor] = {}
        spreads, norms = [], []
        for number, (name, parameter) in enumerate(_trained(model)):
            kind, layer = _kind(name), _layer(name)
            tensors[f"{kind}/{number:02d}_{layer}"] = parameter
            if self.gradients and parameter.grad is not None:
                tensors[f"gradients/{number:02d}_{layer}_{kind}"] = parameter.grad
            if kind == "weights":
                spreads.append(parameter.std(correction=0))
                norms.append(parameter.new_tensor(torch.nan) if parameter.grad is None else parameter.grad.norm())
        if spreads:
            self._steps.append(trainer.global_step)
            self._spreads.append(torch.stack(spreads).float())
            self._norms.append(torch.stack(norms).float())
        for logger in _run_loggers(trainer):
            counted = {tag: count_histogram(tensor) for tag, tensor in tensors.items()}
            logger.log_histograms(counted, trainer.global_step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the overviews."""
        if trainer.is_global_zero and self._steps:
            for logger in _run_loggers(trainer):
                for name in ("weights", "gradients") if self.gradients else ("weights",):
                    path = Path(logger.log_dir) / f"{name}.png"
                    logger.log_figure(f"layer_by_step/{name}", partial(self.draw, name), trainer.global_step, path)

    def draw(self, what: str) -> Figure:
        """Draw an overview: a row a layer, a column a look.

        Args:
            what: ``weights`` (standard deviation) or ``gradients`` (norm).
        """
        looks = self._spreads if what == "weights" else self._norms
        title, label = {
            "weights": ("Spread of the weights", "standard deviation"),
            "gradients": ("Size of the gradients", "norm at the last step"),
        }[what]
        # The initial weights were looked at before there were gradients.
        first = 1 if what == "gradients" and len(looks) > 1 else 0
        # Looks that a checkpoint brought back lie in main memory.
        values = torch.stack([look.cpu() for look in looks[first:]], dim=1).numpy()
        return layer_by_step(values, self._layers, self._steps[first:], title, label)

    def state_dict(self) -> dict[str, Any]:
        """The looks so far, so that the picture of a run that is resumed is whole."""
        return {"steps": list(self._steps), "spreads": list(self._spreads), "norms": list(self._norms)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the looks of the run that is resumed."""
        self._steps = list(state_dict["steps"])
        self._spreads, self._norms = list(state_dict["spreads"]), list(state_dict["norms"])


def _trained(model: LightningModule) -> list[tuple[str, Tensor]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _kind(name: str) -> str:
    return "biases" if name.endswith("bias") else "weights"


def _layer(name: str) -> str:
    return name.removeprefix("network.").rpartition(".")[0] or name


def _run_loggers(trainer: Trainer) -> list[RunLogger]:
    return [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]
