"""What a network divides the plane into, while it learns: decision regions and the map of each hidden unit.

Shapes: N points, D units of a layer, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dlcore.data.tables.builtin import builtin_table
from dlcore.data.tables.csv_file import detect_form, read_csv
from dlcore.errors import ArgumentError, DataError, UnknownNameError, check_number
from dlcore.nn.perceptron import perceptron
from dlcore.textbook.demonstration import Demonstration, Table, draw_gif
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

EXAMPLES = (
    "show boundary",
    "show boundary --data xor --hidden_sizes []",
    "show boundary --data spiral --hidden_sizes [32,32] --steps 3000 --gif spiral.gif",
    "show boundary --data points.csv --hidden_sizes [16]",
)
POINTS = ("moons", "circles", "xor", "spiral")
_COLORS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
_GRID, _FRAMES, _MOST_MAPS, _MOST_POINTS = 160, 40, 8, 20_000


def boundary(
    data: str = "moons",
    hidden_sizes: Sequence[int] = (8,),
    activation: str = "Tanh",
    optimizer_lr: float = 0.03,
    steps: int = 1000,
    seed: int = 0,
    encoding: str | None = None,
) -> Demonstration:
    """What a perceptron divides the plane into, and what each of its hidden units responds to.

    It is trained on all points at once by Adam. Without a hidden layer every boundary is a straight line, so that XOR
    stays at chance; with one it can be learned.

    Args:
        data: moons, circles, xor, spiral; or a CSV file with two columns of numbers and a class, a row a point.
        hidden_sizes: Units of each hidden layer; [] for none.
        activation: Activation of the hidden layers.
        optimizer_lr: Adam's learning rate.
        steps: Updates, 1 to 100,000.
        seed: Seed of the weights.
        encoding: Encoding of a file, by Python's name (``gb18030``, …); null: UTF-8.

    Returns:
        The demonstration; its `values` are ``accuracy``, ``losses`` of all steps and the trained ``network``.

    Raises:
        UnknownNameError: There are no built-in points of that name.
        DataError: The file cannot be read, or has other columns.
        ArgumentError: A number is out of range.
    """
    check_number("optimizer_lr", optimizer_lr, above=0)
    check_number("steps", steps, at_least=1, at_most=100_000, whole=True)
    for place, size in enumerate(hidden_sizes):
        check_number(f"hidden_sizes[{place}]", size, at_least=1, at_most=1000, whole=True)
    points, classes, names = _points(data, encoding)
    inputs = torch.from_numpy(((points - points.mean(0)) / points.std(0)).astype(np.float32))
    targets = torch.from_numpy(classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = perceptron(2, hidden_sizes, len(names), activation)
    optimizer = torch.optim.Adam(network.parameters(), optimizer_lr)
    drawing = _Drawing(points, classes, names, hidden_sizes)
    losses, kept = [], sorted({round(x) for x in np.geomspace(1, steps, _FRAMES)})
    for step in range(steps + 1):
        loss = nn.functional.cross_entropy(network(inputs), targets)
        if step == 0 or step in kept:
            drawing.remember(network, step, loss.item())
        losses.append(loss.item())
        if step < steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        accuracy = (network(inputs).argmax(1) == targets).float().mean().item()
    drawing.draw(-1)
    layers = ", ".join(map(str, hidden_sizes)) or "none"
    rows = [(data, layers, f"{losses[0]:.4f}", f"{losses[-1]:.4f}", f"{accuracy:.1%}")]
    table = Table(("points", "hidden units", "loss before", f"after {steps:,} steps", "accuracy"), rows)
    chance = np.log(len(names))
    notes = [
        f"Without a hidden layer the boundary is a straight line. A loss of ln {len(names)} = {chance:.4f} is chance."
    ]
    notes = [] if hidden_sizes else notes
    values: dict[str, object] = {"accuracy": accuracy, "losses": losses, "network": network}
    return Demonstration(style.finish(drawing.figure), [table], notes, values, drawing.animation)


def _points(data: str, encoding: str | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return points (N, 2), the class of each from 0 (N,), and the names of the classes."""
    import pandas as pd

    if data in POINTS:
        if encoding is not None:
            raise ArgumentError("encoding", "nothing with built-in points", encoding, "Leave it out, or give a file.")
        table = builtin_table(data)
    elif data.lower().endswith((".csv", ".txt", ".tsv")):
        try:
            path = Path(data).expanduser()
            table = read_csv(path, detect_form(path, encoding or "utf-8", "auto", "auto"))
        except OSError as error:
            raise DataError(f"--data: could not read {data!r}: {error.strerror}.") from error
        except DataError as error:  # the data module's reader names the data module's flags
            raise DataError(f"--data: {error}".replace("--data.", "--")) from error
    else:
        raise UnknownNameError("points (in --data)", data, POINTS, "Or a file: --data points.csv")
    numbers = table.iloc[:, :2].apply(pd.to_numeric, errors="coerce")
    rows_without = int(numbers.isna().any(axis=1).sum())
    if table.shape[1] != 3 or rows_without or not 2 <= len(table) <= _MOST_POINTS:
        raise DataError(
            f"--data: expected a header and 2 to {_MOST_POINTS:,} rows of two numbers and a class, got {data!r} with "
            f"{len(table):,} rows of {table.shape[1]} columns, {rows_without:,} of them without two numbers."
        )
    codes, names = pd.factorize(table.iloc[:, 2], sort=True)
    if not 2 <= len(names) <= len(_COLORS) or (codes < 0).any():
        raise ArgumentError(
            "data", f"a third column with 2 to {len(_COLORS)} classes, none missing", f"{len(names)} classes"
        )
    points = numbers.to_numpy(dtype=np.float64)
    if not np.isfinite(points).all() or not points.std(0).all():
        raise DataError(f"--data: expected two columns of finite numbers that differ, got {data!r}.")
    return points, codes.astype(np.int64), [str(name) for name in names]


class _Drawing:
    """The figure at any of the remembered steps."""

    def __init__(self, points: np.ndarray, classes: np.ndarray, names: list[str], hidden_sizes: Sequence[int]) -> None:
        self.points, self.names = points, names
        self.maps = min(_MOST_MAPS, hidden_sizes[0]) if hidden_sizes else 0
        columns = (self.maps + 1) // 2
        self.figure = style.new_figure(5.6 + 2.1 * columns, 5.2)
        grid = self.figure.add_gridspec(2, 1 + columns, width_ratios=[5.2, *[2] * columns])
        self.axes = self.figure.add_subplot(grid[:, 0])
        self.units = [self.figure.add_subplot(grid[place % 2, 1 + place // 2]) for place in range(self.maps)]
        margin = 0.15 * (points.max(0) - points.min(0))
        low, high = points.min(0) - margin, points.max(0) + margin
        self.extent = (low[0], high[0], low[1], high[1])
        x, y = np.meshgrid(np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID))
        plane = (np.stack([x, y], axis=-1).reshape(-1, 2) - points.mean(0)) / points.std(0)
        self.plane = torch.from_numpy(plane.astype(np.float32))
        self.states: list[tuple[int, float, np.ndarray, np.ndarray]] = []
        blank = np.ones((_GRID, _GRID, 3))
        self.regions = self.axes.imshow(blank, extent=self.extent, origin="lower", aspect="auto")
        for number, name in enumerate(names):
            x, y = points[classes == number].T
            self.axes.scatter(
                x, y, s=10, color=_COLORS[number], edgecolors=style.PAPER, linewidths=0.4, label=drawable(name)
            )
        self.axes.legend(fontsize=style.TICK_SIZE, loc="upper right")
        style.style_axes(self.axes, " ", grid=False)
        self.pictures = []
        for unit, axes in enumerate(self.units):
            picture = axes.imshow(blank[..., 0], extent=self.extent, origin="lower", aspect="auto", cmap="RdBu_r")
            self.pictures.append(picture)
            axes.set_title(f"hidden unit {unit + 1}", fontsize=style.TICK_SIZE, color=style.INK, loc="left")
            axes.set_xticks([])
            axes.set_yticks([])

    @torch.no_grad()
    def remember(self, network: nn.Sequential, step: int, loss: float) -> None:
        """Keep what the network says of the plane now."""
        shares = network(self.plane).softmax(1).numpy()
        hidden = self.plane
        for name, layer in network.named_children():
            hidden = layer(hidden)
            if name == "activation_1":
                break
        self.states.append((step, loss, shares, hidden.numpy()[:, : self.maps]))

    def draw(self, index: int) -> None:
        """Draw one of the remembered steps."""
        from matplotlib.colors import to_rgb

        step, loss, shares, hidden = self.states[index]
        colors = np.array([to_rgb(color) for color in _COLORS[: len(self.names)]])
        regions = 1 - 0.55 * (1 - shares @ colors)
        self.regions.set_data(regions.reshape(_GRID, _GRID, 3).clip(0, 1))
        self.axes.set_title(
            f"step {step:,}: loss {loss:.3f}", fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=10
        )
        for picture, values in zip(self.pictures, hidden.T, strict=True):
            most = float(np.abs(values).max()) or 1.0
            picture.set_data(values.reshape(_GRID, _GRID))
            picture.set_clim(-most, most)

    def animation(self) -> bytes:
        """Draw all remembered steps, one after the other."""
        moving = draw_gif(self.figure, self.draw, len(self.states), 150)
        self.draw(-1)
        return moving
