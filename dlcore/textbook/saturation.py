"""Why inputs that are not scaled stall a sigmoid: its output over the weight, for large and small inputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dlcore.errors import ArgumentError
from dlcore.nn.activations import make_activation
from dlcore.textbook.demonstration import Demonstration, Table, number
from dlcore.tracking.figures import style

EXAMPLES = ("show saturation", "show saturation --inputs [255,1,0.02] --activation tanh")
_WEIGHTS = (0.00001, 0.0001, 0.001, 0.01, 0.1, 1.0)


def saturation(
    inputs: Sequence[float] = (255, 1, 0.02),
    weights: Sequence[float] = _WEIGHTS,
    activation: str = "sigmoid",
) -> Demonstration:
    """Why inputs that are not scaled stall training: an activation of weight times input, and its slope.

    With a large input the output sits at its end for all but tiny weights, and its slope, which the gradient is
    multiplied by, is 0. With a tiny input it hardly moves from the middle, whatever the weight.

    Args:
        inputs: The input numbers, one curve each.
        weights: The weights of the table, above 0.
        activation: The activation.

    Returns:
        The demonstration; its `values` are ``outputs`` and ``slopes``, a row a weight, a column an input.

    Raises:
        ArgumentError: There are no inputs, or a weight is not above 0.
        UnknownNameError: Unknown activation.
    """
    if not 1 <= len(inputs) <= len(style.CYCLE):
        raise ArgumentError("inputs", f"1 to {len(style.CYCLE)} numbers", len(inputs))
    if not weights or min(weights) <= 0:
        raise ArgumentError("weights", "numbers above 0", list(weights))
    apply = make_activation(activation).double().eval()

    def computed(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and slopes, a row a weight."""
        sums = (chosen[:, None] * torch.tensor(inputs, dtype=torch.float64)).requires_grad_()
        outputs = apply(sums.reshape(-1, 1)).reshape(sums.shape)
        (slopes,) = torch.autograd.grad(outputs.sum(), sums)
        return outputs.detach(), slopes

    outputs, slopes = computed(torch.tensor(weights, dtype=torch.float64))
    rows = [
        (f"{weight:g}", *(f"{value:.4f} ({slope:.4f})" for value, slope in zip(line, steep, strict=True)))
        for weight, line, steep in zip(weights, outputs.tolist(), slopes.tolist(), strict=True)
    ]
    table = Table(
        ("weight", *(f"input {number(value)}" for value in inputs)),
        rows,
        f"{activation}(weight · input), and in brackets its slope",
    )
    notes = ["Divide pixels by 255 (the recipes do), so that the weights can stay where the slope is not 0."]
    figure = style.new_figure(10, 4.2)
    left, right = figure.subplots(1, 2)
    x = torch.logspace(-6, 1, 400, dtype=torch.float64)
    curve, steepness = computed(x)
    for place, (color, value) in enumerate(zip(style.CYCLE, inputs, strict=False)):
        left.plot(x, curve[:, place], color=color, linewidth=2, label=f"input {value:g}")
        right.plot(x, steepness[:, place], color=color, linewidth=2)
    style.style_axes(left, f"{activation}(weight · input)", "weight", "output")
    style.style_axes(right, "its slope", "weight", "slope")
    for axes in (left, right):
        axes.set_xscale("log")
    left.legend(frameon=False, fontsize=style.TICK_SIZE)
    values: dict[str, object] = {"outputs": outputs.tolist(), "slopes": slopes.tolist()}
    return Demonstration(style.finish(figure), [table], notes, values)
