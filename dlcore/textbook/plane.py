"""Linear regression by gradient descent: its plane beside the least-squares plane.

Shapes: N points, F inputs of each, 1 or 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError, check_number
from dlcore.textbook.demonstration import Demonstration, Table, number
from dlcore.tracking.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLES = ("show plane", "show plane --lr 0.01", "show plane --points [[0],[1],[2],[3]] --targets [1,3,4,8]")
_POINTS = ((0.0, 3.0), (1.0, 3.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0))
_TARGETS = (95.364, 97.217205, 75.195834, 60.105519, 49.342380)


def plane(
    points: Sequence[Sequence[float]] = _POINTS,
    targets: Sequence[float] = _TARGETS,
    lr: float = 0.1,
    tolerance: float = 1e-4,
    max_steps: int = 10_000,
) -> Demonstration:
    """Linear regression by gradient descent, beside the plane of least squares.

    The inputs are standardised (mean 0, deviation 1), since the rate would suit only one of them otherwise; the planes
    are told in the units of the points. Descent ends when a step changes the error by less than the tolerance.

    Args:
        points: The inputs (N, F), a list of one or two numbers a point.
        targets: The wanted numbers (N).
        lr: Learning rate of plain gradient descent on the mean squared error.
        tolerance: Change of the root mean squared error at which descent ends.
        max_steps: Most steps.

    Returns:
        The demonstration; its `values` are ``learned`` and ``least_squares`` (the constant, then the slopes), their
        errors ``rmse``, in this order, and ``errors``, one before each step and the last.

    Raises:
        ArgumentError: The numbers do not match, or no plane is determined by the points.
    """
    check_number("lr", lr, above=0)
    check_number("tolerance", tolerance, above=0)
    check_number("max_steps", max_steps, at_least=1, at_most=1_000_000, whole=True)
    if len({len(point) for point in points}) != 1 or len(points[0]) not in (1, 2):
        raise ArgumentError("points", "lists of one number each, or of two each", [list(point) for point in points])
    if len(targets) != len(points):
        raise ArgumentError("targets", f"{len(points)} numbers, one for each point", list(targets))
    inputs, wanted = torch.tensor(points, dtype=torch.float64), torch.tensor(targets, dtype=torch.float64)
    rows = torch.column_stack([torch.ones_like(wanted), inputs])
    best, _, rank, _ = np.linalg.lstsq(rows.numpy(), wanted.numpy(), rcond=None)
    if rank < rows.shape[1]:
        expected = "points that determine a plane: not all on one line, and no input the same for all"
        raise ArgumentError("points", expected, [list(point) for point in points])
    if not torch.isfinite(wanted.square()).all():
        raise ArgumentError("targets", "numbers whose squares are finite", list(targets))

    scaled = (inputs - inputs.mean(0)) / inputs.std(0, correction=0)
    curvature = torch.column_stack([torch.ones_like(wanted), scaled])
    steepest = torch.linalg.eigvalsh(2 * curvature.T @ curvature / len(wanted))[-1].item()
    if lr * steepest >= 2:
        raise ArgumentError("lr", f"a rate below {2 / steepest:.4g}, from which on each step makes the error worse", lr)
    layer = nn.Linear(inputs.shape[1], 1).double()
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    errors, settled = list[float](), False
    while True:
        loss = nn.functional.mse_loss(layer(scaled)[:, 0], wanted)
        errors.append(loss.item() ** 0.5)
        settled = len(errors) > 1 and abs(errors[-2] - errors[-1]) < tolerance
        if settled or len(errors) > max_steps:
            break
        gradients = torch.autograd.grad(loss, list(layer.parameters()))
        with torch.no_grad():  # torch.optim takes seconds to import
            for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
                parameter.sub_(lr * gradient)
    slopes = layer.weight.detach()[0] / inputs.std(0, correction=0)
    learned = torch.cat([layer.bias.detach() - slopes @ inputs.mean(0), slopes])
    planes = {"learned": learned, "least squares": torch.from_numpy(best)}
    rmse = {name: (rows @ each - wanted).square().mean().sqrt().item() for name, each in planes.items()}
    names = ["constant", *(f"slope of x{place + 1}" for place in range(inputs.shape[1]))]
    table = Table(
        ("plane", *names, "rmse"),
        [(name, *map(number, each.tolist()), number(rmse[name])) for name, each in planes.items()],
    )
    end = f"a step changed the error by less than {tolerance:g}" if settled else "more were not allowed (--max_steps)"
    notes = [
        f"{len(errors) - 1:,} steps with rate {lr:g}: {end}.",
        f"With a rate of {2 / steepest:.4g} or more each step would make the error worse.",
    ]
    values: dict[str, object] = {
        "learned": learned.tolist(), "least_squares": best.tolist(), "rmse": list(rmse.values()), "errors": errors,
    }  # fmt: skip
    return Demonstration(_figure(inputs, wanted, planes, errors, rmse["least squares"]), [table], notes, values)


def _figure(inputs: Tensor, targets: Tensor, planes: dict[str, Tensor], errors: list[float], least: float) -> Figure:
    """Draw the points with both planes (lines, for one input), and the error over the steps."""
    figure = style.new_figure(11, 4.6)
    solid = inputs.shape[1] == 2
    left: Any = figure.add_subplot(1, 2, 1, projection="3d" if solid else None)
    low, high = inputs.min(0).values - 0.3, inputs.max(0).values + 0.3
    axes = [torch.linspace(*ends, 8, dtype=torch.float64) for ends in zip(low.tolist(), high.tolist(), strict=True)]
    grid = torch.meshgrid(*axes, indexing="ij")
    colors = {"learned": style.VERMILION, "least squares": style.BLUE}
    for name, each in planes.items():
        heights = each[0] + sum(slope * values for slope, values in zip(each[1:], grid, strict=True))
        look = {"color": colors[name], "label": name}
        if not solid:
            left.plot(grid[0].numpy(), heights.numpy(), "--" if name == "learned" else "-", **look)
        elif name == "learned":
            left.plot_wireframe(*(values.numpy() for values in (*grid, heights)), linewidth=1.2, **look)
        else:
            left.plot_surface(*(values.numpy() for values in (*grid, heights)), alpha=0.3, **look)
    best = planes["least squares"]
    for point, target in zip(inputs, targets, strict=True):  # what is left of the error
        ends = [[value, value] for value in point.tolist()]
        left.plot(*ends, [(best[0] + best[1:] @ point).item(), target.item()], color=style.INK, linewidth=1.2)
    left.scatter(*inputs.T.numpy(), targets.numpy(), color=style.INK, s=36, label="points")
    style.style_axes(left, "", "x1", "x2" if solid else "y")
    if solid:
        left.set_zlabel("y")
    style.add_legend(left, loc="upper right")
    right = figure.add_subplot(1, 2, 2)
    right.plot(range(len(errors)), errors, color=style.VERMILION, linewidth=2, label="gradient descent")
    right.axhline(least, color=style.BLUE, linewidth=1.5, label="least squares")
    style.add_legend(right)
    style.style_axes(right, "", "step", "root mean squared error")
    style.head(figure, "Linear regression: the learned plane and that of least squares")
    return style.finish(figure)
