"""Figures: heat maps of numbers per layer over the steps of training; the health of a network's layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


_MOST_TICKS, _MOST_NAMES = 7, 40
_ROW, _WIDE = 0.32, 6.2  # inches: a layer's height, a map's width


@dataclass(frozen=True)
class LayerMap:
    """One heat map: one row per layer (the first layer on top), one column per step.

    Args:
        title: Title of the map.
        label: The numbers' name and unit, for the colour bar.
        values: The numbers (layers, steps); not negative on a logarithmic scale. Masked numbers are blank; NaN,
            infinity and, on a logarithmic scale, zero have their own colours, with a legend.
        layers: The layers' names, input side first.
        steps: The steps of the numbers, rising.
        log: Whether the colours are logarithmic.
        limits: Numbers of the first and the last colour, such as (0, 1) for shares; None: minimum and maximum of the
            drawn numbers.
        colors: Colour map of matplotlib. The default goes from dark (small) to light (large).

    Raises:
        ArgumentError: The shape does not fit the names and steps, or a number is negative on a logarithmic scale.
    """

    title: str
    label: str
    values: Any
    layers: Sequence[str]
    steps: Sequence[int]
    log: bool = True
    limits: tuple[float, float] | None = None
    colors: str = style.SEQUENTIAL

    def __post_init__(self) -> None:
        shape = np.shape(self.values)
        if shape != (len(self.layers), len(self.steps)) or 0 in shape:
            expected = f"shape ({len(self.layers)} layers, {len(self.steps)} steps), not empty"
            raise ArgumentError("values", expected, shape)
        if self.log and (np.ma.asarray(self.values) < 0).any():
            least = np.nanmin(np.ma.asarray(self.values).filled(np.nan))
            raise ArgumentError("values", "no negative number on a logarithmic scale", least, "Use log=False.")


def layer_maps(maps: Sequence[LayerMap], title: str = "") -> Figure:
    """Draw heat maps, two per row.

    Args:
        maps: The maps, at least one.
        title: Name of the run.

    Raises:
        ArgumentError: There is no map.
    """
    if not maps:
        raise ArgumentError("maps", "at least one map", "none")
    across = min(len(maps), 2)
    pairs = [maps[place : place + across] for place in range(0, len(maps), across)]
    heights = [min(max(_ROW * max(len(each.layers) for each in pair), 1.0), 9.0) + 1.1 for pair in pairs]
    widths = [_WIDE + 0.07 * max(max(map(len, each.layers)) for each in maps[side::across]) for side in range(across)]
    figure = style.new_figure(min(sum(widths), 17), min(sum(heights), 30) + (0.3 if title else 0))
    if title:
        style.head(figure, title, size=style.TITLE_SIZE + 1)
    grid = figure.subplots(
        len(pairs), across, squeeze=False, gridspec_kw={"height_ratios": heights, "width_ratios": widths}
    )
    for axes, each in zip(grid.flat, maps, strict=False):
        _draw(figure, axes, each)
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    return style.finish(figure)


def _draw(figure: Figure | SubFigure, axes: Axes, each: LayerMap) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.patches import Patch

    blank = np.ma.getmaskarray(np.ma.asarray(each.values))
    table = np.ma.asarray(each.values, dtype=np.float64).filled(1.0)
    drawn = table[np.isfinite(table) & ((table > 0) | (not each.log)) & ~blank]
    low, high = (drawn.min(), drawn.max()) if drawn.size else (1.0, 1.0)
    if each.limits is not None:
        low, high = each.limits
    elif low == high:
        low, high = (low / 2, high * 2) if each.log else (low - 0.5, high + 0.5)
    norm = LogNorm(low, high) if each.log else Normalize(low, high)
    special = [
        (np.isnan(table), style.NOT_A_NUMBER, "NaN"),
        (np.isinf(table), style.INFINITE, "infinite"),
        ((table == 0) & each.log, style.ZERO, "zero"),
    ]
    colors = colormaps[each.colors](norm(np.clip(np.nan_to_num(table, nan=low), low, high)))
    for where, color, _ in [*special, (blank, style.PAPER, "")]:
        colors[where] = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]
    axes.imshow(colors, aspect="auto", interpolation="nearest")
    style.style_axes(axes, each.title, "step", grid=False)
    places = range(0, len(each.steps), -(-len(each.steps) // _MOST_TICKS))
    axes.set_xticks(places, [f"{each.steps[place]:,}" for place in places])
    named = range(0, len(each.layers), -(-len(each.layers) // _MOST_NAMES))
    axes.set_yticks(named, [drawable(each.layers[place]) for place in named])
    between = np.arange(len(each.layers) - 1) + 0.5  # one artist: a tick takes milliseconds
    axes.hlines(between, -0.5, len(each.steps) - 0.5, style.PAPER, linewidth=1.5 if len(each.layers) <= 30 else 0.5)

    bar = style.add_color_bar(ScalarMappable(norm, each.colors), axes, each.label)
    if each.log:  # the default ticks are too few or too dense
        marks = np.geomspace(low, high, 4).tolist()
        bar.set_ticks(marks, labels=[f"{mark:.2g}" for mark in marks], minor=False)
        bar.minorticks_off()
    shown = [
        Patch(facecolor=color, edgecolor=style.FAINT, label=name)
        for where, color, name in special
        if (where & ~blank).any()
    ]
    if shown:
        look = {"bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2, "ncols": len(shown)}
        style.add_legend(axes, shown, loc="lower right", **look)


# Column, title, label of the colours, whether they are logarithmic (shares are not).
_MAPS = (
    ("gradient_norm", "Size of the gradients", "norm", True),
    ("update_ratio", "Size of the updates (usual: 1e-4 to 1e-2)", "‖Δw‖ / ‖w‖", True),
    ("weight_std", "Spread of the weights", "standard deviation", True),
    ("std", "Spread of the activations", "standard deviation", True),
    ("dead", "Dead units (the same for all samples; red is ill)", "share", False),
    ("saturated", "Saturated values (derivative below 1%; red is ill)", "share", False),
)


def layer_overview(columns: Mapping[str, Sequence[Any]], title: str = "") -> Figure:
    """Draw heat maps of a network's layers: gradients, updates, weights, activations, dead and saturated units.

    Sizes go from dark (small) to light (large), and both ends may be bad. Shares of dead or saturated units go from
    yellow (none) to red (all).

    Args:
        columns: The run's layer table, from `dlcore.tracking.layer_table.read_layers`.
        title: Name of the run.

    Raises:
        ArgumentError: The table is empty.
    """
    maps = [found for what in _MAPS if (found := _map(columns, *what)) is not None]
    if not maps:
        raise ArgumentError("columns", "a table of layers with at least one number", "none")
    return layer_maps(maps, title)


def _map(columns: Mapping[str, Sequence[Any]], name: str, title: str, label: str, log: bool) -> LayerMap | None:
    layers, steps = np.array(columns["layer"], dtype=object), np.array(columns["step"], dtype=np.float64)
    values = np.array(columns[name], dtype=np.float64)
    # Show a number that became NaN as NaN; leave a number that does not apply blank.
    lost = np.isnan(values) & (np.array(columns["not_finite"], dtype=np.float64) > 0)
    applies = {layer for layer, value in zip(layers, values, strict=True) if not np.isnan(value)}
    if not applies:
        return None
    rows = {layer: number for number, layer in enumerate(dict.fromkeys(each for each in layers if each in applies))}
    inside = np.array([layer in rows for layer in layers], dtype=bool) & (~np.isnan(values) | lost)
    taken = np.unique(steps[inside])
    table = np.ma.masked_all((len(rows), len(taken)))
    for layer, step, value in zip(layers[inside], steps[inside], values[inside], strict=True):
        table[rows[layer], np.searchsorted(taken, step)] = value
    limits, colors = (None, style.SEQUENTIAL) if log else ((0.0, 1.0), style.SHARE_OF_ILL)
    return LayerMap(title, label, table, list(rows), [int(step) for step in taken], log, limits, colors)
