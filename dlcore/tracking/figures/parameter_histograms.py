"""Figures: histograms of weights and biases, of one run or of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.mosaic import fit_text
from dlcore.tracking.figures.overlaid_curves import family_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dlcore.tracking.histogram import Distributions, Histogram


_ACROSS, _MOST, _WIDE, _HIGH = 4, 16, 3.1, 2.7  # charts in a row, charts in all; inches of a chart


def parameter_histograms(first: Distributions | None, last: Distributions | None, title: str = "") -> Figure:
    """Draw a histogram for each group of parameters: the weights into a layer, and its biases.

    The textbook's figure: a row of four for one hidden layer. The start is an outline, the end is filled. For more than
    16 groups, the first and the last eight are drawn.

    Args:
        first: Histograms at the start; None: unknown.
        last: Histograms at the end; None: only the start is known.
        title: Name of the run.
    """
    present = last or first
    tags = list(present.histograms) if present is not None else []
    shown = tags if len(tags) <= _MOST else [*tags[: _MOST // 2], *tags[-_MOST // 2 :]]
    across = min(_ACROSS, max(len(shown), 1))
    down = max(-(-len(shown) // across), 1)
    figure = style.new_figure(across * _WIDE + 0.2, down * _HIGH + 0.75)
    looks = ((first, "outline"), (last, "filled"))
    steps = [f"step {each.step:,} ({how})" for each, how in looks if each is not None]
    part = f", {len(shown)} of {len(tags)} groups" if len(shown) < len(tags) else ""
    heading = f"{title}{': ' * bool(title)}weights and biases at {' and '.join(steps) or 'no step'}{part}"
    style.head(figure, heading)
    grid = figure.subplots(down, across, squeeze=False)
    for axes, tag in zip(grid.flat, shown, strict=False):
        _draw_group(axes, tag, *(None if look is None else look.histograms.get(tag) for look in (first, last)))
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    return style.finish(figure)


def _draw_group(axes: Axes, tag: str, first: Histogram | None, last: Histogram | None) -> None:
    place = axes.get_subplotspec()
    style.style_axes(axes, "", "", "parameters" if place is not None and place.is_first_col() else "")
    axes.set_title(
        fit_text(group_name(tag), _WIDE - 0.4, style.LABEL_SIZE),
        fontsize=style.LABEL_SIZE, color=style.INK, loc="left", pad=6,
    )  # fmt: skip
    color = style.BLUE if tag.startswith("weights/") else style.ORANGE
    notes = []
    # Use the same bins for both, so that their widths can be compared.
    there = [each for each in (first, last) if each is not None and each.counts]
    if there:
        low, high = min(each.edges[0] for each in there), max(each.edges[-1] for each in there)
        bars = min(len(there[-1].counts), max(10, round(2 * there[-1].count ** 0.5)))
        edges = np.linspace(low, high, bars + 1)
        top = 0.0
        for each in there:
            heights = rebinned(each, edges)
            if each is last:
                axes.stairs(heights, edges, fill=True, color=color, alpha=0.75)
            elif each.minimum == each.maximum and last is not None:
                # Draw a line for equal values, such as initial biases of 0: the height of a bar would mean nothing.
                axes.axvline(each.minimum, color=style.INK, linewidth=1, linestyle=":")
                continue
            else:
                axes.stairs(heights, edges, color=style.INK, linewidth=1)
            top = max(top, heights.max())
        if top:
            axes.set_ylim(0, 1.2 * top)
        notes.append(f"{there[-1].minimum:.2g} to {there[-1].maximum:.2g}")
    present = last or first
    if present is not None and (present.nan or present.infinite):
        notes.append(f"{present.nan:,} NaN, {present.infinite:,} infinite")
    axes.text(
        0.98, 0.97, "\n".join(notes), ha="right", va="top", transform=axes.transAxes, fontsize=style.TICK_SIZE - 1,
        color=style.INK,
    )  # fmt: skip


def group_name(tag: str) -> str:
    """Return the name for figures: TensorBoard's ``weights/00_linear_1`` gives ``linear_1 weights``."""
    kind, _, numbered = tag.partition("/")
    return f"{numbered.partition('_')[2]} {kind}"


def rebinned(histogram: Histogram, edges: np.ndarray) -> np.ndarray:
    """Return counts in other bins, assuming that values are spread evenly within a bin."""
    below = np.concatenate([[0], np.cumsum(histogram.counts)])
    return np.diff(np.interp(edges, histogram.edges, below))


MOST_COLUMNS, MOST_ROWS = 8, 8
_COLUMN_WIDE, _ROW_HIGH = 2.6, 1.75  # inches of a chart
_OUTLINE = 24  # bars of an outline
_OUTSIDE = 5e-4  # share of a run's parameters at each end that may lie outside a row's axis


@dataclass(frozen=True)
class Column:
    """Histograms of one run."""

    name: str
    first: Distributions | None  # its histograms at the start; None: unknown
    last: Distributions | None  # its histograms at the end; None: only the start is known


def variant_histograms(columns: Sequence[Column], title: str = "", note: str = "") -> Figure:
    """Draw a row for each group of parameters and a column for each run.

    Groups with one name share a row, at any position in the runs' networks.

    The start is an outline, the end is filled; all have the same height, so that widths can be compared. All charts of
    a row have the same axis, which covers 99.9% of each run's parameters. At most eight runs and eight groups are
    drawn.

    Raises:
        ArgumentError: No run has histograms.
    """
    shown = columns[:MOST_COLUMNS]
    looks = [
        ({} if each.first is None else _named(each.first), {} if each.last is None else _named(each.last))
        for each in shown
    ]
    groups = _in_order([look for pair in looks for look in pair])
    if not groups:
        raise ArgumentError("columns", "at least one run with histograms", [each.name for each in columns])
    rows = groups[:MOST_ROWS]
    parts = [("runs", len(shown), len(columns)), ("groups of parameters", len(rows), len(groups))]
    less = [f"{few} of {all_of_them} {what}" for what, few, all_of_them in parts if few < all_of_them]
    lines = "; ".join([*([note] if note else []), "outline: start, filled: end", *less])
    figure = style.new_figure(len(shown) * _COLUMN_WIDE + 0.5, len(rows) * _ROW_HIGH + 1.25)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08, wspace=0.02, hspace=0.02)
    style.head(figure, title, lines, style.TITLE_SIZE + 2)
    grid = figure.subplots(len(rows), len(shown), squeeze=False)
    colors = family_colors(len(columns))
    for down, group in enumerate(rows):
        limits = _limits([look[group] for pair in looks for look in pair if group in look])
        for across, (each, (first, last)) in enumerate(zip(shown, looks, strict=True)):
            axes = grid[down, across]
            _draw(axes, first.get(group), last.get(group), colors[across], limits)
            if not down:
                name = fit_text(each.name, _COLUMN_WIDE - 0.3, style.LABEL_SIZE + 1)
                axes.set_title(name, fontsize=style.LABEL_SIZE + 1, color=style.INK, loc="left", pad=8)
            if not across:
                layer, _, kind = group.rpartition(" ")
                label = f"{fit_text(layer, _ROW_HIGH - 0.2, style.LABEL_SIZE)}\n{kind}"
                axes.set_ylabel(label, fontsize=style.LABEL_SIZE, color=style.INK)
    return style.finish(figure)


def _named(look: Distributions) -> dict[str, Histogram]:
    """Return histograms by layer and kind, ``output weights``, without the layer's number: networks differ in it."""
    return {group_name(tag): histogram for tag, histogram in look.histograms.items()}


def _in_order(looks: Sequence[Mapping[str, Histogram]]) -> list[str]:
    """Merge the groups of all runs, each after its predecessor in its own network."""
    groups: list[str] = []
    for look in looks:
        place = 0
        for group in look:
            if group in groups:
                place = groups.index(group) + 1
            else:
                groups.insert(place, group)
                place += 1
    return groups


def _limits(histograms: Sequence[Histogram]) -> tuple[float, float]:
    """Return axis limits that cover nearly all of each histogram."""
    ends = [_middle(each) for each in histograms if each.counts]
    if not ends:
        return -1.0, 1.0
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    margin = 0.04 * (high - low) or max(abs(high), 1e-6)
    return low - margin, high + margin


def _middle(histogram: Histogram) -> tuple[float, float]:
    """Return the range of nearly all of a histogram's values."""
    shares = np.concatenate([[0.0], np.cumsum(histogram.counts)]) / max(histogram.count, 1)
    low, high = np.interp([_OUTSIDE, 1 - _OUTSIDE], shares, histogram.edges)
    return float(low), float(high)


def _draw(axes: Axes, first: Histogram | None, last: Histogram | None, color: str, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    style.style_axes(axes)
    axes.set_xlim(*limits)
    axes.set_ylim(0, 1.3)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    for each, filled in ((last, True), (first, False)):
        if each is not None and each.counts:
            _draw_histogram(axes, each, color, filled)
    shown = last or first
    notes = [] if shown is None else _notes(shown)
    axes.text(
        0.98, 0.97, "\n".join(notes) if shown is not None else "no such group", ha="right", va="top", color=style.INK,
        transform=axes.transAxes, fontsize=style.TICK_SIZE - 1, linespacing=1.25,
    )  # fmt: skip


def _draw_histogram(axes: Axes, histogram: Histogram, color: str, filled: bool) -> None:
    if histogram.minimum == histogram.maximum:
        # Draw a line for equal values, such as initial biases of 0: they have no width.
        axes.axvline(histogram.minimum, ymax=1 / 1.3, color=color if filled else style.INK, linewidth=1,
                     linestyle="-" if filled else ":")  # fmt: skip
        return
    # Use fewer bars for few parameters, and for the outline of the start, which is drawn over the end.
    bars = min(len(histogram.counts) if filled else _OUTLINE, max(8, round(2 * histogram.count**0.5)))
    edges = np.linspace(histogram.edges[0], histogram.edges[-1], bars + 1)
    heights = rebinned(histogram, edges)
    heights = heights / heights.max()
    if filled:  # with a border, so that a narrow one is visible
        axes.stairs(heights, edges, fill=True, facecolor=color, edgecolor=color, alpha=0.7, linewidth=0.8)
    else:
        axes.stairs(heights, edges, color=style.INK, linewidth=0.8)


def _notes(histogram: Histogram) -> list[str]:
    notes = []
    if histogram.count:
        mean = histogram.sum / histogram.count
        std = max(histogram.sum_of_squares / histogram.count - mean**2, 0.0) ** 0.5
        notes = [f"std {std:.2g}", f"{histogram.minimum:.2g} to {histogram.maximum:.2g}"]
        if histogram.minimum == histogram.maximum:
            notes = [f"all {histogram.minimum:.2g}"]
    if histogram.nan or histogram.infinite:
        notes.append(f"{histogram.nan:,} NaN, {histogram.infinite:,} infinite")
    return notes
