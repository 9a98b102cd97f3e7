"""Back-propagation by hand: the chain of factors of each gradient, and the update of each weight.

The example is Mazur (2015), "A step by step backpropagation example"; its numbers are the defaults.

Shapes: F inputs, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError, check_number
from dlcore.nn import make_activation
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.textbook.network_drawing import Unit, draw_network
from dlcore.textbook.perceptron import bias_vectors, check_sizes, weight_matrix
from dlcore.tracking.figures import style

EXAMPLES = (
    "show backprop",
    "show backprop --steps 1000",
    "show backprop --activation tanh --lr 0.1",
    "show backprop -c mlp_textbook",
)


def backprop(
    inputs: Sequence[float] = (0.05, 0.10),
    targets: Sequence[float] = (0.01, 0.99),
    weights: Sequence[Sequence[Sequence[float]]] = (((0.15, 0.20), (0.25, 0.30)), ((0.40, 0.45), (0.50, 0.55))),
    biases: Sequence[Sequence[float]] | None = ((0.35, 0.35), (0.60, 0.60)),
    activation: str = "sigmoid",
    lr: float = 0.5,
    steps: int = 1,
) -> Demonstration:
    """Back-propagation in a small network: each gradient as a product of its factors, and each weight's update.

    The loss is half the sum of squared errors. Autograd computes the gradients; the factors beside them are its own
    intermediate gradients. Biases keep their values, as in the chapter. With a recipe (``-c NAME``) or flags of a model
    the command shows instead how the gradient comes back through the layers of that model.

    Args:
        inputs: The input numbers (F).
        targets: The wanted outputs (K).
        weights: A matrix a layer, a row a unit: as many numbers in a row as the layer has inputs.
        biases: A list a layer, a number a unit; null: all are 0.
        activation: Activation of all units, output units too.
        lr: Learning rate of plain gradient descent.
        steps: Number of updates; table and figure show the first.

    Returns:
        The demonstration; its `values` are ``outputs`` and ``loss`` before the first update, ``gradients`` and
        ``weights`` after it, a matrix a layer, and ``losses`` of all steps and after the last.

    Raises:
        ArgumentError: The sizes do not match, or a number is out of range.
        UnknownNameError: Unknown activation.
    """
    check_number("lr", lr, above=0)
    check_number("steps", steps, at_least=1, at_most=1_000_000, whole=True)
    matrices = [weight_matrix(f"weights[{index}]", rows) for index, rows in enumerate(weights)]
    vector = torch.tensor([float(value) for value in inputs], dtype=torch.float64)
    wanted = torch.tensor([float(value) for value in targets], dtype=torch.float64)
    offsets = bias_vectors(biases, matrices)
    check_sizes(vector, matrices)
    if len(wanted) != len(matrices[-1]):
        raise ArgumentError("targets", f"{len(matrices[-1])} numbers, one for each output unit", list(targets))
    apply = make_activation(activation).double()
    if isinstance(apply, nn.Softmax | nn.Softmin | nn.LogSoftmax):
        raise ArgumentError("activation", "one that works on single numbers", activation)
    for matrix in matrices:
        matrix.requires_grad_()

    sums, outputs = _forward(vector, matrices, offsets, apply)
    loss = (0.5 * (outputs[-1] - wanted) ** 2).sum()
    by_outputs = torch.autograd.grad(loss, outputs[1:], retain_graph=True)
    by_weights = torch.autograd.grad(loss, matrices, retain_graph=True)
    slopes = [_slope(apply, total) for total in sums]
    before = [matrix.detach().clone() for matrix in matrices]

    losses, after = [], before
    for step in range(steps):
        error = (0.5 * (_forward(vector, matrices, offsets, apply)[1][-1] - wanted) ** 2).sum()
        losses.append(error.item())
        with torch.no_grad():
            for matrix, gradient in zip(matrices, torch.autograd.grad(error, matrices), strict=True):
                matrix -= lr * gradient
        if step == 0:
            after = [matrix.detach().clone() for matrix in matrices]
    last = _forward(vector, matrices, offsets, apply)[1][-1].detach()
    losses.append((0.5 * (last - wanted) ** 2).sum().item())

    rows = [
        (
            f"w{number}",
            f"{before[layer][end, start]:.4f}",
            f"{by_outputs[layer][end]:.4f} · {slopes[layer][end]:.4f} · {outputs[layer][start]:.4f}",
            f"{by_weights[layer][end, start]:.4f}",
            f"{after[layer][end, start]:.4f}",
        )
        for number, (layer, end, start) in enumerate(_indices(before), start=1)
    ]
    header = ("weight", "value", "∂E/∂out · ∂out/∂net · ∂net/∂w", "gradient", "after the update")
    detached = [values.detach().tolist() for values in outputs]
    notes = [
        f"Outputs {_fixed(detached[-1])} for targets {_fixed(wanted.tolist())}: loss {losses[0]:.4f}.",
        f"∂E/∂out of a hidden unit adds up what comes back from all units that it feeds. Each weight moves by −{lr:g} "
        "times its gradient.",
        f"After {steps:,} update{'s' * (steps > 1)} the outputs are {_fixed(last.tolist())}: loss {losses[-1]:.4g}.",
    ]
    figure = _figure(detached, before, by_weights, by_outputs, wanted.tolist(), losses)
    values: dict[str, object] = {
        "outputs": detached[-1],
        "loss": losses[0],
        "gradients": [each.tolist() for each in by_weights],
        "weights": [each.tolist() for each in after],
        "losses": losses,
    }
    return Demonstration(figure, [Table(header, rows)], notes, values)


def _forward(
    vector: Tensor, matrices: list[Tensor], offsets: list[Tensor], apply: nn.Module
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the weighted sums of each layer, and the outputs of each, the input first."""
    sums, outputs = [], [vector]
    for matrix, offset in zip(matrices, offsets, strict=True):
        sums.append(matrix @ outputs[-1] + offset)
        outputs.append(apply(sums[-1][None])[0])
    return sums, outputs


def _slope(apply: nn.Module, sums: Tensor) -> Tensor:
    """Return the activation's derivative at each sum."""
    at = sums.detach().requires_grad_()
    return torch.autograd.grad(apply(at[None]).sum(), at)[0]


def _indices(matrices: list[Tensor]) -> list[tuple[int, int, int]]:
    """Return layer, unit and input of each weight, in the chapter's order."""
    return [
        (layer, end, start)
        for layer, matrix in enumerate(matrices)
        for end in range(matrix.shape[0])
        for start in range(matrix.shape[1])
    ]


def _fixed(values: list[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _figure(
    outputs: list[list[float]],
    weights: list[Tensor],
    by_weights: tuple[Tensor, ...],
    by_outputs: tuple[Tensor, ...],
    targets: Sequence[float],
    losses: list[float],
) -> Any:
    """Draw the network with values and gradients; beside it the loss over the steps, if there are several."""
    several = len(losses) > 2
    height = 1.6 * max(map(len, outputs)) + 1.6
    figure = style.new_figure(2.9 * len(outputs) + 0.6 + 4.2 * several, height)
    axes = figure.subplots(1, 1 + several, width_ratios=[2.9 * len(outputs), *[4.2] * several], squeeze=False)[0]
    edges, tips = {}, {}
    for layer, end, start in _indices(weights):
        edge = (layer, start), (layer + 1, end)
        edges[edge], tips[edge] = f"{weights[layer][end, start]:.4g}", f"{by_weights[layer][end, start]:+.4f}"
    captions: dict[Unit, str] = {
        (layer + 1, unit): f"∂E/∂out {value:+.4f}"
        for layer, gradient in enumerate(by_outputs)
        for unit, value in enumerate(gradient.tolist())
    }
    for unit, target in enumerate(targets):
        captions[len(outputs) - 1, unit] += f"\ntarget {target:g}"
    units = [[f"{value:.4f}" if layer else f"{value:g}" for value in values] for layer, values in enumerate(outputs)]
    names = ["input", *(f"hidden {index + 1}" for index in range(len(weights) - 1)), "output"]
    draw_network(axes[0], units, edges, captions, names, tips)
    if several:
        axes[1].plot(range(len(losses)), losses, color=style.BLUE, linewidth=2)
        style.style_axes(axes[1], "loss", "update", "½ Σ (output − target)²")
        axes[1].set_yscale("log" if min(losses) > 0 else "linear")
    style.head(figure, f"Back-propagation: loss {losses[0]:.4f}", "on lines: the weight (blue) and its gradient (red)")
    return style.finish(figure)
