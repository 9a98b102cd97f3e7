"""Figure: histograms of weights and biases per layer, from input to output, at a run's start and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dlcore.tracking.figures import style
from dlcore.tracking.figures.mosaic import fit_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dlcore.tracking.histogram import Histogram
    from dlcore.tracking.kept_histograms import Distributions

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
        _draw(axes, tag, *(None if look is None else look.histograms.get(tag) for look in (first, last)))
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    return style.finish(figure)


def _draw(axes: Axes, tag: str, first: Histogram | None, last: Histogram | None) -> None:
    style.style_axes(axes, "", "", "parameters" if axes.get_subplotspec().is_first_col() else "")  # type: ignore[union-attr]
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
