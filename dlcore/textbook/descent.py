"""Gradient descent on a curve and on surfaces: the path of each optimiser.

Shapes: S steps.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.call_text import read_call
from dlcore.textbook.demonstration import Demonstration, Table, draw_gif
from dlcore.tracking.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES = (
    "show descent",
    "show descent --surface curve",
    "show descent 'SGD(lr=0.1)' momentum Adam --surface saddle --gif saddle.gif",
    "show descent Adadelta 'LBFGS(lr=0.1)' --surface two_minima --steps 200 --start [1.8,1]",
)
_MOST_OPTIMIZERS, _FRAMES = 6, 60


class _Surface:
    """A cost of one or two weights.

    Args:
        cost: Maps the weights (..., 1 or 2) to the cost (...).
        formula: Its formula.
        start: Where the descent begins.
        lowest: A lowest point.
        reach: Drawn range of each weight: lowest, highest.
        lr: A learning rate for SGD, and one for optimisers that scale their steps.
    """

    def __init__(
        self,
        cost: Callable[[Tensor], Tensor],
        formula: str,
        start: tuple[float, ...],
        lowest: tuple[float, ...],
        reach: tuple[tuple[float, float], ...],
        lr: tuple[float, float],
    ) -> None:
        self.cost, self.formula, self.start, self.lowest, self.reach, self.lr = cost, formula, start, lowest, reach, lr


_SURFACES = {
    "curve": _Surface(lambda w: w[..., 0] ** 2, "w²", (-4.0,), (0.0,), ((-5, 5),), (0.1, 0.4)),
    "ravine": _Surface(
        lambda w: 0.05 * w[..., 0] ** 2 + w[..., 1] ** 2,
        "x²/20 + y²", (-8.0, 1.8), (0.0, 0.0), ((-9, 6), (-3, 3)), (0.9, 0.4),
    ),
    "saddle": _Surface(
        lambda w: w[..., 0] ** 2 - w[..., 1] ** 2 + w[..., 1] ** 4 / 8,
        "x² − y² + y⁴/8", (-1.8, 0.001), (0.0, 2.0), ((-2.2, 2.2), (-3, 3)), (0.05, 0.1),
    ),
    "plateau": _Surface(
        lambda w: 1 - torch.exp(-(w[..., 0] ** 2 + w[..., 1] ** 2) / 3),
        "1 − exp(−(x² + y²)/3)", (-3.2, 2.2), (0.0, 0.0), ((-4.5, 2.5), (-2.5, 3.5)), (0.5, 0.15),
    ),
    "two_minima": _Surface(
        lambda w: (w[..., 0] ** 2 - 1) ** 2 + 0.4 * w[..., 0] + w[..., 1] ** 2,
        "(x² − 1)² + 0.4x + y²", (1.7, 1.2), (-1.0471, 0.0), ((-2, 2), (-1.6, 1.6)), (0.03, 0.1),
    ),
}  # fmt: skip
_CALLED = {"momentum": "SGD(momentum=0.9)", "nesterov": "SGD(momentum=0.9, nesterov=True)"}


def descent(
    optimizers: Sequence[str] | None = None,
    surface: Literal["curve", "ravine", "saddle", "plateau", "two_minima"] = "ravine",
    steps: int = 50,
    start: Sequence[float] | None = None,
    lr: float | None = None,
) -> Demonstration:
    """Gradient descent on a curve or a surface: the path of each optimiser, and the cost over its steps.

    The optimisers are torch's own. On the curve, three rates of plain gradient descent are compared: too small, good,
    too large.

    Args:
        optimizers: Optimisers of torch.optim, at most 6, with arguments in brackets: 'SGD(lr=0.1, momentum=0.9)';
            momentum and nesterov are SGD with momentum 0.9. Left out: SGD, momentum, Adagrad, RMSprop, Adam.
        surface: The cost: curve (one weight), ravine, saddle, plateau or two_minima (two weights).
        steps: Updates of each optimiser (S), 1 to 10,000.
        start: The weights at the start.
        lr: Learning rate of all that do not name their own; left out, one that suits the surface.

    Returns:
        The demonstration; its `values` map each optimiser to its ``path`` (S + 1 points) and ``costs``.

    Raises:
        UnknownNameError: torch has no such optimiser.
        ArgumentError: A number is out of range, or an optimiser refuses its arguments.
    """
    check_number("steps", steps, at_least=1, at_most=10_000, whole=True)
    if lr is not None:
        check_number("lr", lr, above=0)
    if surface not in _SURFACES:
        raise UnknownNameError("surface", surface, _SURFACES)
    about = _SURFACES[surface]
    begin = about.start if start is None else tuple(float(value) for value in start)
    if len(begin) != len(about.start):
        raise ArgumentError("start", f"{len(about.start)} numbers for {surface}", list(begin))
    names = optimizers
    if not names:
        names = (
            ["SGD(lr=0.02)", "SGD(lr=0.3)", "SGD(lr=1.02)"]
            if surface == "curve"
            else ["SGD", "momentum", "Adagrad", "RMSprop", "Adam"]
        )
    if len(names) > _MOST_OPTIMIZERS:
        raise ArgumentError("optimizers", f"at most {_MOST_OPTIMIZERS} names", len(names))
    found = {name: _walk(about, name, begin, steps, lr) for name in names}
    rows = [
        (name, ", ".join(f"{value:.4g}" for value in path[-1]), f"{costs[-1]:.4g}", _said(costs, lowest_cost(about)))
        for name, (path, costs) in found.items()
    ]
    table = Table(("optimiser", f"weights after {steps:,} steps", "cost", ""), rows, f"{surface}: {about.formula}")
    notes = [f"The lowest cost is {lowest_cost(about):.4g}."]
    drawing = _Drawing(surface, about, found)
    values: dict[str, object] = {name: {"path": path, "costs": costs} for name, (path, costs) in found.items()}
    return Demonstration(style.finish(drawing.figure), [table], notes, values, drawing.animation)


def lowest_cost(about: _Surface) -> float:
    """Return the cost at the lowest point."""
    return about.cost(torch.tensor(about.lowest, dtype=torch.float64)).item()


def _walk(
    about: _Surface, name: str, start: tuple[float, ...], steps: int, lr: float | None
) -> tuple[list[list[float]], list[float]]:
    """Return the path and the costs of one optimiser; it ends where the cost is not finite any more."""
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = _made(name, weights, about.lr if lr is None else (lr, lr))

    def closure() -> Tensor:
        optimizer.zero_grad()
        cost = about.cost(weights)
        cost.backward()
        return cost

    path, costs = [weights.tolist()], [about.cost(weights).item()]
    for _ in range(steps):
        try:
            optimizer.step(closure)
        except RuntimeError as error:  # SparseAdam takes no dense gradients
            raise ArgumentError("optimizers", "optimisers for two plain weights", name, str(error)) from error
        cost = about.cost(weights).item()
        if not math.isfinite(cost):
            break
        path.append(weights.tolist())
        costs.append(cost)
    return path, costs


def _made(name: str, weights: Tensor, rates: tuple[float, float]) -> Any:
    call = read_call("optimizers", _CALLED.get(name, name))
    kinds = {each.lower(): kind for each, kind in vars(torch.optim).items() if inspect.isclass(kind)}
    kind = kinds.get(call.name.lower())
    if kind is None or not issubclass(kind, torch.optim.Optimizer) or kind is torch.optim.Optimizer:
        names = [each.__name__ for each in kinds.values() if issubclass(each, torch.optim.Optimizer)]
        raise UnknownNameError("optimiser", call.name, [*_CALLED, *names])
    parameters = inspect.signature(kind).parameters
    if unknown := next((each for each in call.named if each not in parameters), None):
        raise UnknownNameError(
            f"argument of {kind.__name__}", unknown, [each for each in parameters if each != "params"]
        )
    settings = {"lr": rates[kind is not torch.optim.SGD]} | call.named
    try:
        return kind([weights], *call.positional, **{} if call.positional and "lr" not in call.named else settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError("optimizers", f"arguments that {kind.__name__} accepts ({error})", name) from error


def _said(costs: list[float], lowest: float) -> str:
    """Say in a word or two what became of the cost."""
    begin, end = costs[0] - lowest, costs[-1] - lowest
    if end > begin:
        return "diverges"
    if end < 0.001 * begin:
        return "arrives"
    return "crawls" if end > 0.1 * begin else "on its way"


class _Drawing:
    """The figure of paths and costs, drawn up to any step."""

    def __init__(self, surface: str, about: _Surface, found: dict[str, tuple[list[list[float]], list[float]]]) -> None:
        self.figure = style.new_figure(12, 5)
        left, right = self.figure.subplots(1, 2, width_ratios=[1.35, 1])
        self.lines: list[tuple[Any, np.ndarray, np.ndarray]] = []
        (_draw_curve if len(about.reach) == 1 else _draw_surface)(left, about)
        style.style_axes(
            left,
            f"{surface}: {about.formula}",
            "w" if len(about.reach) == 1 else "x",
            "cost" if len(about.reach) == 1 else "y",
            grid=False,
        )
        for color, (name, (path, costs)) in zip(style.CYCLE, found.items(), strict=False):
            points = np.asarray(path)
            y = np.asarray(costs) if points.shape[1] == 1 else points[:, 1]
            (line,) = left.plot(points[:, 0], y, "o-", color=color, markersize=3, linewidth=1.6, label=name)
            self.lines.append((line, points[:, 0], y))
            (line,) = right.plot(
                range(len(costs)), np.asarray(costs) - lowest_cost(about), color=color, linewidth=2, label=name
            )
            self.lines.append((line, np.arange(len(costs)), np.asarray(costs) - lowest_cost(about)))
        style.style_axes(right, "cost above the lowest", "step", "")
        right.set_yscale("log")
        low, high = right.get_ylim()
        right.set_ylim(max(low, 1e-12), min(high, 1e6))
        right.legend(frameon=False, fontsize=style.TICK_SIZE)
        self.steps = max(len(costs) for _, costs in found.values())

    def animation(self) -> bytes:
        """Draw the paths step by step."""
        frames = min(_FRAMES, self.steps)

        def update(frame: int) -> None:
            end = 1 + round(frame / max(frames - 1, 1) * (self.steps - 1))
            for line, x, y in self.lines:
                line.set_data(x[:end], y[:end])

        return draw_gif(self.figure, update, frames)


def _draw_curve(axes: Axes, about: _Surface) -> None:
    ((low, high),) = about.reach
    x = np.linspace(low, high, 400)
    y = about.cost(torch.from_numpy(x)[:, None]).numpy()
    axes.plot(x, y, color="#9A9A9A", linewidth=1.5)
    axes.set_xlim(low, high)
    axes.set_ylim(-0.05 * y.max(), y.max())


def _draw_surface(axes: Axes, about: _Surface) -> None:
    (x_low, x_high), (y_low, y_high) = about.reach
    x, y = np.meshgrid(np.linspace(x_low, x_high, 240), np.linspace(y_low, y_high, 240))
    cost = about.cost(torch.from_numpy(np.stack([x, y], axis=-1))).numpy()
    above = cost - min(cost.min(), lowest_cost(about))
    levels = np.quantile(above, np.linspace(0, 1, 16) ** 1.5)
    axes.contourf(x, y, above, levels=np.unique(levels), cmap="Greys", alpha=0.45)
    axes.plot(*about.lowest, "*", color=style.INK, markersize=11, zorder=5)
    axes.set_xlim(x_low, x_high)
    axes.set_ylim(y_low, y_high)
