"""Gradient flow: how the gradient of the loss changes on its way back through the layers of any LightningModule.

The chain rule multiplies it by one factor a layer, the layer's own backward pass. Factors that stay below 1 make it
vanish, factors above 1 make it explode.

Reference: Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".

Shapes: N samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torchmetrics import Metric

from dlcore.errors import FitError
from dlcore.insight.preflight.case import Case
from dlcore.tracking.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES = 256
_MOST_NAMES = 24  # on the axis of the figure


@dataclass
class LayerGradient:
    """Gradients at one layer.

    Attributes:
        name: The layer's name in the model.
        kind: Its class.
        shape: Shape of its output for one sample.
        output: Norm of the loss's gradient by its output, over all samples (N); NaN if none came back.
        factor: `output` divided by that of the layer after it: what that layer's backward pass multiplies the norm by.
            NaN for the last layer.
        parameters: Norm of the loss's gradient by each of its parameters, by name.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    output: float = math.nan
    factor: float = math.nan
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class GradientFlow:
    """Gradient flow of one batch.

    Attributes:
        loss: The loss of the batch.
        samples: Number of its samples (N).
        layers: The layers in the order of the forward pass.
    """

    loss: float
    samples: int
    layers: list[LayerGradient]


def gradient_flow(case: Case) -> GradientFlow:
    """Pass one batch forward and backward through a copy of the model, in training mode but without dropout.

    Args:
        case: The recipe's model and data. They are not changed.

    Raises:
        FitError: No parameter learns.
    """
    parameters = list(case.model.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        raise FitError(
            f"model: expected parameters that learn, got none in {type(case.model).__name__}: all are frozen. Set "
            "requires_grad of those that shall learn."
        )
    model, batch = case.fresh_model(noise=False), case.plain_batch(_SAMPLES)
    calls: list[tuple[nn.Module, LayerGradient]] = []

    def watch(layer: nn.Module, name: str) -> None:
        def noting(layer: nn.Module, args: Any, output: Any) -> None:
            values = output[0] if isinstance(output, tuple) else output
            if isinstance(values, Tensor) and values.requires_grad and values.dim():  # a loss has no dimension
                found = LayerGradient(name, type(layer).__name__, tuple(values.shape[1:]))
                calls.append((layer, found))
                # If the output is used more than once, autograd adds up its gradients first.
                values.register_hook(lambda gradient: setattr(found, "output", gradient.detach().norm().item()))

        layer.register_forward_hook(noting)

    for name, layer in model.named_modules():
        # Layers that have no layers of their own.
        if not isinstance(layer, nn.Sequential | LightningModule | Metric) and (
            not any(True for _ in layer.children()) or isinstance(layer, nn.RNNBase)
        ):
            watch(layer, name)
    loss = case.loss(model, batch)
    loss.backward()
    last = math.nan
    for layer, found in reversed(calls):
        found.factor, last = (found.output / last if last else math.nan), found.output
        for name, parameter in layer.named_parameters(recurse=False):
            if parameter.grad is not None:
                found.parameters[name] = parameter.grad.norm().item()
    first = calls[0][1].shape if calls else ()
    inputs = batch[0] if isinstance(batch, list | tuple) and isinstance(batch[0], Tensor) else first
    return GradientFlow(loss.item(), len(inputs), [found for _, found in calls])


def draw_gradient_flow(flow: GradientFlow, title: str) -> Figure:
    """Draw the norm of the gradient at each layer's output and weights, from the loss back to the input.

    Args:
        flow: The gradient flow.
        title: The figure's title.
    """
    layers = flow.layers[::-1]
    figure = style.new_figure(min(4 + 0.45 * len(layers), 14), 4.6)
    axes = figure.subplots()
    places = range(len(layers))
    axes.plot(places, [each.output for each in layers], "o-", color=style.BLUE, linewidth=2, label="∂L/∂output")
    weights = {
        place: each.parameters["weight"]
        for place, each in zip(places, layers, strict=True)
        if "weight" in each.parameters
    }
    axes.plot(list(weights), list(weights.values()), "s", color=style.VERMILION, label="∂L/∂weight")
    if any(value > 0 for value in [*weights.values(), *(each.output for each in layers)]):
        axes.set_yscale("log")
    style.style_axes(axes, "", "from the loss back to the input", "norm of the gradient")
    apart = -(-len(layers) // _MOST_NAMES)
    axes.set_xticks(places[::apart])
    axes.set_xticklabels([each.name.removeprefix("network.") for each in layers[::apart]], rotation=40, ha="right")
    style.add_legend(axes)
    style.head(figure, title, f"one batch of {flow.samples:,} samples, loss {flow.loss:.4f}")
    return style.finish(figure)
