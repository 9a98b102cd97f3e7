"""Measure a model's layers: output shapes by a forward pass, parameters, memory, and each layer's share.

Shapes: N batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import LBFGS
from torch.utils.hooks import RemovableHandle

from dlcore.callbacks.data_facts import data_facts
from dlcore.insight.short_training import batch_size_of, first_samples, take_first_step, tensors_of
from dlcore.models import Model
from dlcore.nn import layer_geometry, size_formula
from dlcore.optim.optimizer_factory import make_optimizer

_PROBE = 2  # samples of the forward pass: batch normalisation needs two


@dataclass(frozen=True)
class LayerSummary:
    """One layer."""

    name: str
    kind: str  # its class
    # Shape of its output for one sample; None if the forward pass does not reach the layer.
    output_shape: tuple[int, ...] | None
    parameters: int  # number of parameters; those shared with an earlier layer count there
    frozen: int  # number of its parameters that are not trained
    weight_bytes: int  # memory of its parameters and buffers
    output_bytes: int  # memory of its output for one sample; 0 if that is a view of the input
    # For a convolution or pooling: height and width of its feature maps by (H − F + 2P)/S + 1, with the numbers;
    # one entry if both are the same.
    size_formulas: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSummary:
    """All layers, and the memory that training adds.

    Attributes:
        layers: The layers, in the model's order.
        input_shape: Shape of one sample.
        optimizer: Name of the optimiser.
        state_per_parameter: Numbers that the optimiser keeps per parameter (Adam: 2); None if one step cannot
            determine it.
    """

    layers: list[LayerSummary]
    input_shape: tuple[int, ...]
    optimizer: str
    state_per_parameter: float | None

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Memory of parameters and buffers."""
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def gradient_bytes(self) -> int:
        """Memory of the gradients of all trained parameters, in float32."""
        return 4 * sum(layer.parameters - layer.frozen for layer in self.layers)

    @property
    def optimizer_bytes(self) -> int | None:
        """Memory of the optimiser's state."""
        return None if self.state_per_parameter is None else round(self.gradient_bytes * self.state_per_parameter)

    @property
    def output_bytes(self) -> int:
        """Memory of all outputs for one sample, which a training step keeps for its backward pass."""
        return sum(layer.output_bytes for layer in self.layers)


def summarize_model(model: LightningModule, datamodule: LightningDataModule) -> ModelSummary:
    """Measure a model: one of dlcore's on a batch of the data's shape, any other by a first training step on the CPU.

    The data are read only if they do not declare a sample's shape; the model is not changed.

    Args:
        model: Any LightningModule.
        datamodule: The data.
    """
    if not isinstance(model, Model):
        watch = _WatchFirstStep()
        take_first_step(model, datamodule, watch)
        return watch.summary
    inputs = _inputs(datamodule)
    outputs = _pass_through(model, inputs)
    return ModelSummary(
        list(_layers(model, outputs)), tuple(inputs.shape[1:]), *_optimizer_cost(model.optimizer_factory)
    )


class _WatchFirstStep(Callback):
    """Measures layers during `training_step`, and the optimisers by their first step."""

    def __init__(self) -> None:
        self._found: dict[str, _Passed] = {}
        self._hooks: list[RemovableHandle] = []
        self._input_shape: tuple[int, ...] = ()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Start to record the layers' outputs."""
        self._hooks = _hooks(pl_module, self._found, batch_size_of(batch))
        self._input_shape = next((tuple(tensor.shape[1:]) for _, tensor in tensors_of(batch)), ())

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Stop recording, since an optimiser may compute its loss several times."""
        if pl_module.automatic_optimization:
            _remove(self._hooks)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Create the summary."""
        _remove(self._hooks)
        made = [getattr(each, "optimizer", each) for each in trainer.optimizers]
        names = " and ".join(type(each).__name__ for each in made if each.param_groups) or "no optimiser"
        states = [_state_per_parameter(each) for each in made]
        known = [each for each in states if each is not None]
        cost = max(known, default=0.0) if len(known) == len(states) else None
        self.summary = ModelSummary(list(_layers(pl_module, self._found)), self._input_shape, names, cost)


def _inputs(datamodule: LightningDataModule) -> Tensor:
    """Return a batch (N, …) of the data's shape."""
    facts: dict[str, Any] = data_facts(datamodule)
    if facts.get("image_shape"):
        return torch.zeros(_PROBE, *facts["image_shape"])
    if facts.get("in_features"):
        return torch.zeros(_PROBE, facts["in_features"])
    return first_samples(datamodule, _PROBE)[0]


@dataclass(frozen=True)
class _Passed:
    """Measurements of a layer in a forward pass, for one sample."""

    output_shape: tuple[int, ...]
    output_bytes: int
    size_formulas: tuple[str, ...]


def _pass_through(model: nn.Module, inputs: Tensor) -> dict[str, _Passed]:
    """Return output shape, bytes of new memory and size formulas of each layer that a forward pass reaches.

    It runs in training mode, where dropout allocates its own output; buffers and random state are restored.
    """
    found: dict[str, _Passed] = {}
    modes = {module: module.training for module in model.modules()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    hooks = _hooks(model, found, _PROBE)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.train()
            model(inputs)
    finally:
        _remove(hooks)
        for module, training in modes.items():
            module.training = training
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    return found


def _hooks(model: nn.Module, found: dict[str, _Passed], samples: int) -> list[RemovableHandle]:
    layers = [(name, module) for name, module in model.named_modules() if _is_layer(module)]
    return [module.register_forward_hook(_noting(name, found, samples)) for name, module in layers]


def _remove(hooks: list[RemovableHandle]) -> None:
    while hooks:
        hooks.pop().remove()


def _noting(name: str, found: dict[str, _Passed], samples: int) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        known = {tensor.untyped_storage().data_ptr() for _, tensor in tensors_of(args)}
        tensors = [tensor for _, tensor in tensors_of(output) if tensor.dim()]
        if not tensors:
            return  # a loss or a metric, which is not part of the network
        new = [tensor for tensor in tensors if tensor.untyped_storage().data_ptr() not in known]
        size = sum(tensor.numel() * tensor.element_size() for tensor in new) // samples
        earlier = found[name].output_bytes if name in found else 0  # a layer that is used several times
        found[name] = _Passed(tuple(tensors[0].shape[1:]), earlier + size, _size_formulas(module, args))

    return hook


def _size_formulas(layer: nn.Module, args: tuple[Any, ...]) -> tuple[str, ...]:
    geometry = layer_geometry(layer)
    picture = next((tensor for _, tensor in tensors_of(args)), None)
    if geometry is None or picture is None:
        return ()
    height, width = (size_formula(size, **each) for size, each in zip(picture.shape[-2:], geometry, strict=True))
    return (height,) if height == width else (height, width)


def _is_layer(module: nn.Module) -> bool:
    """Return whether a module has no submodules, or has parameters of its own."""
    return not any(True for _ in module.children()) or any(True for _ in module.parameters(recurse=False))


def _layers(model: nn.Module, outputs: dict[str, _Passed]) -> Iterator[LayerSummary]:
    counted: set[int] = set()
    for name, module in model.named_modules():
        if not _is_layer(module):
            continue
        own = [parameter for parameter in module.parameters(recurse=False) if id(parameter) not in counted]
        counted |= {id(parameter) for parameter in own}
        if name not in outputs and not own:
            continue  # a loss or a metric, which is not part of the network
        passed = outputs.get(name)
        memory = [*own, *module.buffers(recurse=False)]
        yield LayerSummary(
            name.removeprefix("network.") or type(module).__name__,
            type(module).__name__,
            passed.output_shape if passed else None,
            sum(parameter.numel() for parameter in own),
            sum(parameter.numel() for parameter in own if not parameter.requires_grad),
            sum(tensor.numel() * tensor.element_size() for tensor in memory),
            passed.output_bytes if passed else 0,
            passed.size_formulas if passed else (),
        )


def _optimizer_cost(factory: Callable[..., torch.optim.Optimizer]) -> tuple[str, float | None]:
    """Return the optimiser's name and the numbers it keeps per parameter, from a step on a 32 × 32 tensor."""
    parameter = nn.Parameter(torch.zeros(32, 32))
    optimizer = make_optimizer(factory, [parameter])
    parameter.grad = torch.ones_like(parameter)
    try:
        optimizer.step()
    except (TypeError, RuntimeError):  # an optimiser that needs a closure
        return type(optimizer).__name__, None
    return type(optimizer).__name__, _state_per_parameter(optimizer)


def _state_per_parameter(optimizer: torch.optim.Optimizer) -> float | None:
    """Return how many numbers an optimiser keeps per parameter after a step; None for L-BFGS, whose state grows."""
    if isinstance(optimizer, LBFGS):
        return None
    kept = [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
    parameters = sum(parameter.numel() for group in optimizer.param_groups for parameter in group["params"])
    return sum(int(value.numel()) for value in kept if value.dim()) / max(int(parameters), 1)
