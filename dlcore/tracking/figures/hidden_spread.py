"""Figure: standard deviation of hidden values per layer during training, for several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.figures.mosaic import fit_text
from dlcore.tracking.figures.overlaid_curves import Points, family_colors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST, _WIDE, _HIGH = 4, 4.4, 4.2  # charts; inches of a chart


def hidden_spread(runs: Sequence[tuple[str, Mapping[str, Points]]], title: str = "", note: str = "") -> Figure:
    """Draw a chart for each of the first four layers, with a curve for each run.

    Args:
        runs: Name of each run, and its records by layer: epochs (P,) and standard deviations of the values (P,).
        title: Title of the figure.
        note: A line below the title.

    Raises:
        ArgumentError: No run has a record of a layer.
    """
    from matplotlib.ticker import MaxNLocator

    layers = list(dict.fromkeys(layer for _, looks in runs for layer in looks))
    if not layers:
        raise ArgumentError("runs", "at least one with a look at a layer", [name for name, _ in runs])
    shown = layers[:_MOST]
    longest = min(max(len(name) for name, _ in runs), 34)
    figure = style.new_figure(_WIDE * len(shown) + 1.1 + 0.085 * longest, _HIGH + 0.5)
    figure.set_layout_engine("constrained", w_pad=0.15, h_pad=0.1, wspace=0.04)
    less = f"; {len(shown)} of {len(layers)} layers" if len(shown) < len(layers) else ""
    lines = f"standard deviation of the values that a layer gives, logarithmic{less}{f'; {note}' if note else ''}"
    style.head(figure, title, lines, style.TITLE_SIZE + 2)
    colors = family_colors(len(runs))
    charts = np.atleast_1d(figure.subplots(1, len(shown), sharey=True))
    for axes, layer in zip(charts, shown, strict=True):
        style.style_axes(axes, "", "epoch")
        name = fit_text(layer, _WIDE - 0.5, style.TITLE_SIZE)
        axes.set_title(name, fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=10)
        for (name, looks), color in zip(runs, colors, strict=True):
            epochs, values = (np.asarray(each, dtype=np.float64) for each in looks.get(layer, ((), ())))
            # If all units are dead, the deviation is 0, which a logarithmic axis cannot show.
            drawn = np.where(np.isfinite(values) & (values > 0), values, np.nan)
            marker = "o" if len(drawn) <= 12 else None
            axes.plot(epochs, drawn, color=color, linewidth=2, marker=marker, markersize=4.5, label=drawable(name))
        axes.set_yscale("log")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    charts[-1].legend(
        loc="upper left", bbox_to_anchor=(1.02, 1.02), frameon=False, fontsize=style.TICK_SIZE + 0.5,
        labelcolor=style.INK,
    )  # fmt: skip
    return style.finish(figure)
