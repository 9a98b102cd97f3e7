"""The kernels of a network's first layer, and the feature maps of a fixed picture."""

from __future__ import annotations

from functools import partial
from typing import Any, cast, final

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from dlcore.callbacks.logged_figures import (
    class_names,
    class_numbers,
    evaluating,
    log_figure,
    name_of,
    picture_shape,
    say_without_run_logger,
    shown,
)
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.lightning_compat import data_module_of
from dlcore.tracking.figures.convolutions import LayerMaps, feature_maps, kernels

_MOST_MAPS, _MOST_KERNELS, _USUAL_LAYERS = 16, 64, 4


@final
class FeatureMaps(MetricCallback):
    """Shows the kernels of the first layer, and what chosen layers make of one validation picture as training goes on.

    Runs a forward pass of one picture before the first step and at each epoch's validation, or at the epoch's end. It
    uses the trained weights, not their average (weight_averaging). Figures are drawn in the background for TensorBoard;
    the last ones are kernels.png and feature_maps.png in the run's folder. For a network without convolutions, each
    unit's weights in the first layer are shown as a picture.

    Args:
        layers: Names of layers whose output is maps (channels × height × width), as in `show model`; none chooses the
            convolutions, of many the first, the last and two between.
        sample: Which picture of the validation set, counted from 0.
        every_n_epochs: Epochs from one figure to the next, at least 1; an epoch with several validations shows each.

    Raises:
        ArgumentError: A value is out of range, a layer has no maps, or the data are no pictures.
        UnknownNameError: The model has no such layer.
    """

    def __init__(
        self,
        layers: list[str] = [],  # noqa: B006 (never changed; a plain list is what --help shows and YAML has)
        sample: int = 0,
        every_n_epochs: int = 1,
    ) -> None:
        check_number("sample", sample, at_least=0, whole=True)
        check_number("every_n_epochs", every_n_epochs, at_least=1, whole=True)
        self.layers, self.sample, self.every_n_epochs = list(layers), sample, every_n_epochs
        self._chosen: dict[str, nn.Module] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the layers and the picture; show the initial weights."""
        super().on_train_start(trainer, pl_module)
        say_without_run_logger(trainer, self)
        picture_shape(trainer, "feature_maps")
        self._chosen = _choose(pl_module, self.layers)
        part = data_module_of(trainer).parts["val"]
        if self.sample >= len(part):
            raise ArgumentError("feature_maps.sample", f"at most {len(part) - 1:,}, the last one's number", self.sample)
        self._picture, self._target = part.fetch(part.indices[self.sample : self.sample + 1])
        # A resumed run has already shown this step. Run the forward pass anyway: it checks that the layers give maps.
        self._inspect(trainer, pl_module, draw=trainer.global_step == 0)

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Show kernels and maps every `every_n_epochs`."""
        if (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            self._inspect(trainer, model)

    @torch.no_grad()
    def _inspect(self, trainer: Trainer, model: LightningModule, draw: bool = True) -> None:
        # Compute on all processes: with sharded parameters, a single process would deadlock.
        picture, outputs, maps = self._forward(trainer, model)
        if not draw or not trainer.is_global_zero:
            return
        shape, step = picture_shape(trainer, "feature_maps"), f"step {trainer.global_step:,}"
        first = _first_weights(model, shape)
        inputs = shown(trainer, picture.reshape(1, *shape))[0].numpy()
        caption = self._caption(trainer, model, outputs)
        layers = [LayerMaps(name, found[0, :_MOST_MAPS].float().cpu().numpy(), found.shape[1]) for name, found in maps]
        if first is not None:
            name, weights = first
            size = " × ".join(str(length) for length in weights.shape[1:])
            # Copy: training changes the weights before they are drawn.
            few = weights[:_MOST_KERNELS].detach().float().cpu().clone().numpy()
            drawing = partial(kernels, few, f"{name}, {step}: kernels of {size}", len(weights))
            log_figure(trainer, f"kernels/{name}", drawing, "kernels.png")
        if layers:
            title = f"What the layers make of validation sample {self.sample:,}, {step}"
            drawing = partial(feature_maps, inputs, caption, layers, title)
            log_figure(trainer, "feature_maps/sample", drawing, "feature_maps.png")

    def _forward(self, trainer: Trainer, model: LightningModule) -> tuple[Tensor, Tensor, list[tuple[str, Tensor]]]:
        pixels = data_module_of(trainer).transform(self._picture.to(model.device))
        picture = trainer.precision_plugin.convert_input(pixels)
        found: list[tuple[str, Tensor]] = []
        hooks = [
            # Copy: an in-place activation changes the layer's output.
            layer.register_forward_hook(lambda _, __, output, name=name: found.append((name, _maps(name, output))))
            for name, layer in self._chosen.items()
        ]
        try:
            with evaluating(model), trainer.precision_plugin.forward_context():
                return picture, model(picture), found
        finally:
            for hook in hooks:
                hook.remove()

    def _caption(self, trainer: Trainer, model: LightningModule, outputs: Tensor) -> str:
        """Return the picture's class and prediction, if the run is a classification."""
        names, task = class_names(trainer), cast(Any, getattr(model, "task", None))
        if not names or task is None:
            return f"validation sample {self.sample:,}"
        shares = task.predict(outputs.float())[0]
        name = name_of(names, int(class_numbers(self._target)[0]))
        best = int(shares.argmax())
        return f"{name}\npredicted: {name_of(names, best)}, {float(shares[best]):.1%}"


def _choose(model: nn.Module, names: list[str]) -> dict[str, nn.Module]:
    """Return the named layers in the order of the model; without names, at most four convolutions."""
    modules = {name.removeprefix("network."): module for name, module in model.named_modules() if name}
    for name in names:
        if name not in modules:
            raise UnknownNameError("layer (in feature_maps.layers)", name, modules, "See: python -m dlcore show model")
    if not names:
        names = [name for name, module in modules.items() if isinstance(module, nn.Conv2d)]
        if len(names) > _USUAL_LAYERS:
            last = len(names) - 1
            names = [names[round(last * number / (_USUAL_LAYERS - 1))] for number in range(_USUAL_LAYERS)]
    return {name: module for name, module in modules.items() if name in names}


def _maps(name: str, output: Any) -> Tensor:
    if not isinstance(output, Tensor) or output.dim() != 4:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ArgumentError("feature_maps.layers", "layers whose output is (N, channels, height, width)", name,
                            f"Its output is {shape}.")  # fmt: skip
    return output.detach().clone()


def _first_weights(model: nn.Module, shape: tuple[int, int, int]) -> tuple[str, Tensor] | None:
    """Return name and kernels (N, C, H, W) of the first convolution or linear layer on pixels; None without one."""
    layers = [(name.removeprefix("network."), module) for name, module in model.named_modules()]
    for name, module in layers:
        if isinstance(module, nn.Conv2d):
            return name, module.weight
    pixels = shape[0] * shape[1] * shape[2]
    for name, module in layers:
        if isinstance(module, nn.Linear) and module.in_features == pixels:
            return name, module.weight.view(-1, *shape)
    return None
