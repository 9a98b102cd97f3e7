"""A hidden layer approximates any function: a curve fitted with few and with many units.

Shapes: N points, D hidden units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.perceptron import perceptron
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = ("show approximation", "show approximation --function steps --units [2,5,50] --activation relu")
_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sine": lambda x: torch.sin(3 * x),
    "steps": lambda x: torch.sign(torch.sin(4 * x)),
    "bump": lambda x: torch.exp(-4 * x**2) - 0.5 * torch.exp(-16 * (x - 1) ** 2),
    "absolute": lambda x: x.abs(),
}
_POINTS = 200


def approximation(
    units: Sequence[int] = (1, 3, 10, 100),
    function: Literal["sine", "steps", "bump", "absolute"] = "sine",
    activation: str = "Tanh",
    steps: int = 200,
    seed: int = 0,
) -> Demonstration:
    """A curve fitted by one hidden layer with few and with many units, and by none: a straight line.

    Trained by L-BFGS on 200 points. Without an activation the network is a straight line however many units it has.

    Args:
        units: Numbers of hidden units, one curve each, at most 5; 1 to 1,000.
        function: The curve: sine, steps, bump or absolute.
        activation: Activation of the hidden layer.
        steps: Iterations of L-BFGS, 1 to 10,000.
        seed: Seed of the weights.

    Returns:
        The demonstration; its `values` are ``errors``: the mean squared error by units; key 0: the straight line.

    Raises:
        UnknownNameError: There is no such function or activation.
        ArgumentError: A number is out of range.
    """
    if not 1 <= len(units) <= 5:
        raise ArgumentError("units", "1 to 5 numbers", len(units))
    for place, size in enumerate(units):
        check_number(f"units[{place}]", size, at_least=1, at_most=1000, whole=True)
    check_number("steps", steps, at_least=1, at_most=10_000, whole=True)
    if function not in _FUNCTIONS:
        raise UnknownNameError("function", function, _FUNCTIONS)
    x = torch.linspace(-2, 2, _POINTS, dtype=torch.float64)[:, None]
    y = _FUNCTIONS[function](x)
    fitted = {size: _fit(x, y, size, activation, steps, seed) for size in (0, *units)}
    errors = {size: (answers - y).square().mean().item() for size, answers in fitted.items()}
    rows = [(f"{size}" if size else "none: a straight line", f"{error:.3g}") for size, error in errors.items()]
    figure = style.new_figure(10, 4.6)
    axes = figure.subplots()
    axes.plot(x, y, color="#9A9A9A", linewidth=6, alpha=0.6, label=function, solid_capstyle="round")
    for color, (size, answers) in zip(style.CYCLE, fitted.items(), strict=False):
        axes.plot(
            x,
            answers,
            color=color,
            linewidth=1.8,
            label=f"{size} unit{'s' * (size > 1)}" if size else "no hidden layer",
        )
    style.style_axes(axes, f"{function}, fitted with one hidden layer ({activation})", "x", "y")
    axes.legend(frameon=False, fontsize=style.TICK_SIZE)
    notes = ["The error falls with the units. With --activation identity every curve is the straight line."]
    return Demonstration(
        style.finish(figure), [Table(("hidden units", "mean squared error"), rows)], notes, {"errors": errors}
    )


def _fit(x: Tensor, y: Tensor, size: int, activation: str, steps: int, seed: int) -> Tensor:
    """Return the answers (N, 1) of the trained network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = perceptron(1, [size] * bool(size), 1, activation).double()
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        answers: Tensor = network(x)
    return answers
