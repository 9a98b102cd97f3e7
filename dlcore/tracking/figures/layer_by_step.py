"""Figure: one number a layer over the steps of training, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_TICKS = 9


def layer_by_step(
    values: Any,
    layers: Sequence[str],
    steps: Sequence[int],
    title: str,
    label: str,
    log: bool = True,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw a heat map: a row a layer (the first layer on top), a column a step.

    NaN, infinity and, on a logarithmic scale, zero have colours of their own, which the legend explains.

    Args:
        values: The numbers; on a logarithmic scale none is negative. Shape: (layers, steps).
        layers: The layers' names, the input's side first.
        steps: The steps at which the numbers were taken, rising.
        title: What is drawn.
        label: The numbers' name and unit, for the colour bar.
        log: Whether the colours follow the logarithm.
        limits: Numbers of the darkest and the lightest colour, as (0, 1) for shares; None for the least and the
            greatest number that is drawn.

    Raises:
        ArgumentError: The shape does not fit the names and steps, or a logarithm of a negative number is asked for.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.patches import Patch

    table = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if table.shape != (len(layers), len(steps)) or not table.size:
        raise ArgumentError("values", f"shape ({len(layers)} layers, {len(steps)} steps), not empty", table.shape)
    if log and (table < 0).any():
        raise ArgumentError("values", "no negative number on a logarithmic scale", np.nanmin(table), "Use log=False.")

    finite = table[np.isfinite(table) & ((table > 0) | (not log))]
    low, high = (finite.min(), finite.max()) if finite.size else (1.0, 1.0)
    if limits is not None:
        low, high = limits
    elif low == high:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    norm = LogNorm(low, high) if log else Normalize(low, high)
    special = [
        (np.isnan(table), style.NOT_A_NUMBER, "NaN"),
        (np.isinf(table), style.INFINITE, "infinite"),
        ((table == 0) & log, style.ZERO, "zero"),
    ]
    colors = colormaps[style.SEQUENTIAL](norm(np.clip(np.nan_to_num(table, nan=low), low, high)))
    for where, color, _ in special:
        colors[where] = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]

    name_width = 0.075 * max(len(name) for name in layers)
    figure = style.new_figure(min(7.5 + name_width, 12), min(max(0.34 * len(layers) + 1.5, 2.4), 14))
    axes = figure.subplots()
    axes.imshow(colors, aspect="auto", interpolation="nearest")
    style.style_axes(axes, drawable(title), "step", grid=False)
    places = range(0, len(steps), -(-len(steps) // _MOST_TICKS))
    axes.set_xticks(places, [f"{steps[place]:,}" for place in places])
    axes.set_yticks(range(len(layers)), [drawable(name) for name in layers])
    axes.set_yticks(np.arange(len(layers) + 1) - 0.5, minor=True)
    axes.grid(axis="y", which="minor", color=style.PAPER, linewidth=1.5)
    axes.tick_params(which="minor", length=0)

    bar = figure.colorbar(ScalarMappable(norm, style.SEQUENTIAL), ax=axes, pad=0.02)
    bar.set_label(drawable(label), fontsize=style.LABEL_SIZE, color=style.INK)
    bar.ax.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, which="both")
    bar.outline.set_visible(False)
    if log:  # the scale's own marks, at powers of ten and their multiples, are too few or crowd each other
        marks = np.geomspace(low, high, 4).tolist()
        bar.set_ticks(marks, labels=[f"{mark:.2g}" for mark in marks], minor=False)
        bar.minorticks_off()
    shown = [Patch(facecolor=color, edgecolor=style.FAINT, label=name) for where, color, name in special if where.any()]
    if shown:
        axes.legend(
            handles=shown, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, ncols=len(shown),
            frameon=False, fontsize=style.TICK_SIZE,
        )  # fmt: skip
    return style.finish(figure)
