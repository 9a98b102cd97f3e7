"""Figures: maps over pictures of what decided an answer; ranked bars of columns or words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.mosaic import as_rgb, fit_text, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LARGE, _SMALL = 2.7, 1.25  # inches of a picture, of one sample and of several
_TALLEST = 1.6  # height of a picture as part of its width
_STRONGEST = 0.995  # the quantile of a map's sizes that has the full colour
_BAR, _MOST_BARS, _WIDEST_NAME = 0.24, 30, 2.6  # inches of a bar; bars of a chart; inches


@dataclass(frozen=True)
class MapRow:
    """A picture and maps over it.

    Attributes:
        picture: The picture (C, H, W).
        maps: Maps of what speaks for the answer, above 0, and against it (H, W).
        captions: Lines below the picture and below each map.
        failed: Whether each map fails its checks: its caption is then in another colour.
        limits: Values of black and white; None: least and greatest.
    """

    picture: Any
    maps: Sequence[Any]
    captions: Sequence[str]
    failed: Sequence[bool] = ()
    limits: tuple[float | None, float | None] = (None, None)


def attribution_maps(rows: Sequence[MapRow], headings: Sequence[str], title: str, note: str = "") -> Figure:
    """Draw pictures, each with its maps at its right; pixels are enlarged without blur.

    Args:
        rows: The pictures, at least one, with as many maps each.
        headings: Heads of the columns: of the picture, and of each map.
        title: Title of the figure.
        note: A line below the title.

    Raises:
        ArgumentError: There is no picture, or numbers of maps, captions and headings differ.
    """
    columns = len(headings)
    if not rows or any({len(row.maps) + 1, len(row.captions)} != {columns} for row in rows):
        raise ArgumentError("rows", f"at least one picture with {columns - 1} maps and {columns} captions", len(rows))
    height, width = np.shape(rows[0].picture)[1:]
    side = _LARGE if len(rows) == 1 else _SMALL
    lines = max(caption.count("\n") + 1 for row in rows for caption in row.captions)
    size = style.TICK_SIZE if len(rows) == 1 else style.TICK_SIZE - 1.5
    tall = side * min(height / width, _TALLEST) + 0.19 * lines + 0.12
    wide = max(side, 1.75) + 0.12
    figure = style.new_figure(max(columns * wide + 0.2, _title_inches(title, note)), len(rows) * tall + 1.0)
    style.head(figure, title, note)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for number, row in enumerate(rows):
        shown = as_rgb(np.asarray(row.picture)[None], *row.limits)[0]
        grey = shown @ [0.299, 0.587, 0.114]
        for place, axes in enumerate(grid[number]):
            axes.imshow(shown if place == 0 else overlaid(grey, row.maps[place - 1]), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_color(style.FAINT)
            failed = place > 0 and place <= len(row.failed) and row.failed[place - 1]
            color = style.VERMILION if failed else style.INK
            caption = "\n".join(fit_text(line, wide, size) for line in row.captions[place].split("\n"))
            axes.set_xlabel(caption, fontsize=size, color=color)
            if number == 0:
                axes.set_title(
                    fit_text(headings[place], wide, style.LABEL_SIZE), fontsize=style.LABEL_SIZE, color=style.INK, pad=6
                )
    return style.finish(figure)


def _title_inches(title: str, note: str) -> float:
    return max(text_width(title) * style.TITLE_SIZE, text_width(note) * style.TICK_SIZE) / 72 + 0.3


def overlaid(grey: np.ndarray, importance: Any) -> np.ndarray:
    """Return a grey picture (H, W) with a map over it (H, W, 3): orange speaks for the answer, blue against it."""
    values = np.asarray(importance, dtype=np.float64)
    greatest = float(np.quantile(np.abs(values), _STRONGEST)) or float(np.abs(values).max()) or 1.0
    amount = (0.9 * np.clip(np.abs(values) / greatest, 0, 1))[..., None]
    orange, blue = ([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in (style.VERMILION, style.BLUE))
    base = np.repeat((0.2 + 0.65 * grey)[..., None], 3, axis=2)
    # Blue is lightened: on a dark picture it could not be seen.
    return np.asarray(
        base * (1 - amount) + np.where(values[..., None] > 0, orange, np.add(blue, [0.2, 0.2, 0.1])) * amount
    )


@dataclass(frozen=True)
class Bars:
    """A chart of bars.

    Attributes:
        title: Its title.
        label: Name and unit of the numbers.
        values: A number for each name.
        spreads: Its standard deviation, drawn as a line; empty: none.
        ranked: Whether the bars are ranked by size; else they stay in the order of the names.
        signed: Whether the sign has a meaning: bars above 0 are then orange, those below blue, and ranked without it.
    """

    title: str
    label: str
    values: Sequence[float]
    spreads: Sequence[float] = ()
    ranked: bool = True
    signed: bool = True


def attribution_bars(names: Sequence[str], charts: Sequence[Bars], title: str, note: str = "") -> Figure:
    """Draw charts of bars side by side, at most 30 bars each.

    Args:
        names: What the bars are of: columns or words.
        charts: The charts, at least one, with a number for each name.
        title: Title of the figure.
        note: A line below the title.

    Raises:
        ArgumentError: There is no chart or no name, or a chart has another number of values.
    """
    if not names or not charts or any(len(chart.values) != len(names) for chart in charts):
        raise ArgumentError("charts", f"at least one with a number for each of {len(names)} names", len(charts))
    shown = min(len(names), _MOST_BARS)
    width = max(6.2, 4.7 * len(charts), _title_inches(title, note))
    figure = style.new_figure(width, max(shown * _BAR, 0.9) + 1.65)
    style.head(figure, title, note)
    for axes, chart in zip(figure.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
        _draw_bars(axes, names, chart, shown)
    return style.finish(figure)


def _draw_bars(axes: Axes, names: Sequence[str], chart: Bars, shown: int) -> None:
    values = np.asarray(chart.values, dtype=np.float64)
    largest = np.argsort(-np.abs(values) if chart.signed else -values, kind="stable")[:shown]
    order = largest if chart.ranked else np.sort(largest)
    colors = [style.VERMILION if chart.signed and values[place] > 0 else style.BLUE for place in order]
    spreads = np.asarray(chart.spreads, dtype=np.float64)[order] if len(chart.spreads) else None
    look = {"ecolor": style.INK, "elinewidth": 1.1, "capsize": 2}
    axes.barh(range(len(order)), values[order], color=colors, height=0.72, xerr=spreads, error_kw=look)
    title = f"{chart.title} ({shown}/{len(names)})" if shown < len(names) else chart.title
    style.style_axes(axes, title, chart.label)
    axes.set_yticks(range(len(order)), [fit_text(names[place], _WIDEST_NAME, style.TICK_SIZE) for place in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.axvline(0, color=style.QUIET, linewidth=0.8)
    axes.grid(axis="y", visible=False)
