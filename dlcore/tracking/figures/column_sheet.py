"""Figure: distribution of the values in each column of a table, coloured by class or by target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.mosaic import fit_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE, _HIGH, _ACROSS, _BINS = 2.15, 1.6, 5, 20  # inches of a chart; charts in a row; bars of a histogram
_MOST_COLUMNS, _MOST_GROUPS, _MOST_CATEGORIES = 40, 6, 8


@dataclass(frozen=True)
class ColumnValues:
    """Values of a column, for a histogram."""

    name: str
    values: np.ndarray  # numbers, or codes of categories; NaN for a missing value (N,)
    categories: tuple[str, ...] = ()  # names of the codes; empty for numbers
    text: Callable[[float], str] = "{:.4g}".format  # a number as text


def column_sheet(columns: Sequence[ColumnValues], groups: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Draw a small histogram for each column, at most 40, with a colour for each group of rows.

    Args:
        columns: The columns.
        groups: The group of each row, from 0; negative for none (N,).
        names: The groups' names; more than six are merged from the sixth on.
        title: Title of the figure.

    Raises:
        ArgumentError: There is no column.
    """
    from matplotlib.patches import Patch

    if not columns:
        raise ArgumentError("columns", "at least one column", "none")
    if len(names) > _MOST_GROUPS:
        groups = np.where(groups < _MOST_GROUPS - 1, groups, _MOST_GROUPS - 1)
        names = [*names[: _MOST_GROUPS - 1], f"{len(names) - _MOST_GROUPS + 1} others"]
    shown = columns[:_MOST_COLUMNS]
    across = min(_ACROSS, len(shown))
    down = -(-len(shown) // across)
    figure = style.new_figure(max(across * _WIDE, 5.0) + 0.3, down * _HIGH + 0.9)
    part = f", {len(shown)} of {len(columns)} columns" if len(shown) < len(columns) else ""
    style.head(figure, title + part)
    grid = figure.subplots(down, across, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number < len(shown):
            _draw(axes, shown[number], groups, len(names))
        else:
            axes.set_axis_off()
    handles = [
        Patch(facecolor=style.CYCLE[number], label=fit_text(str(name), 2.0, style.TICK_SIZE))
        for number, name in enumerate(names)
    ]
    style.add_legend(figure, handles, loc="outside lower left", ncols=min(len(handles), 6))
    return style.finish(figure)


def _draw(axes: Axes, column: ColumnValues, groups: np.ndarray, count: int) -> None:
    style.style_axes(axes, "", grid=False)
    axes.set_title(fit_text(column.name, _WIDE - 0.3, style.TICK_SIZE), fontsize=style.TICK_SIZE, loc="left", pad=4)
    values = np.asarray(column.values, dtype=np.float64)
    finite = np.isfinite(values)
    axes.set_yticks([])
    axes.tick_params(labelsize=7, length=2)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    if not finite.any():
        axes.text(0.5, 0.5, "no value", ha="center", va="center", transform=axes.transAxes, fontsize=style.TICK_SIZE)
        axes.set_xticks([])
        return
    if column.categories:
        # Draw only the most frequent categories, to keep the bars readable.
        present = np.bincount(values[finite].astype(int), minlength=len(column.categories))
        order = np.argsort(-present, kind="stable")[:_MOST_CATEGORIES]
        bottom = np.zeros(len(order))
        for group in range(count):
            inside = values[finite & (groups == group)].astype(int)
            heights = np.bincount(inside, minlength=len(column.categories))[order]
            axes.bar(np.arange(len(order)), heights, bottom=bottom, color=style.CYCLE[group], width=0.8)
            bottom += heights
        room = (_WIDE - 0.35) / len(order)
        names = [fit_text(column.categories[code], max(room, 0.28), 6.5) for code in order]
        axes.set_xticks(np.arange(len(order)), names, fontsize=6.5)
        return
    low, high = values[finite].min(), values[finite].max()
    margin = 0.0 if low < high else max(abs(low), 1.0) * 0.5
    edges = np.linspace(low - margin, high + margin, _BINS + 1)
    for group in range(count):
        # Overlay outlines instead of stacking bars, to show where groups differ.
        counts, _ = np.histogram(values[finite & (groups == group)], edges)
        color = style.CYCLE[group]
        axes.stairs(counts, edges, color=color, fill=True, alpha=0.25)
        axes.stairs(counts, edges, color=color, linewidth=1.2)
    axes.set_ylim(bottom=0)
    ends = [low, high] if low < high else [low]
    axes.set_xticks(ends, [column.text(number) for number in ends])
