"""Figure: a picture as an array, with each value written on its pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.figures.mosaic import as_rgb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXEL, _MOST = 0.29, 32  # inches per pixel; pixels per side, more are unreadable


def pixel_values(values: Any, picture: Any, title: str, caption: str) -> Figure:
    """Draw a small grey picture with its values, next to the original picture.

    Args:
        values: Whole numbers from 0 (black) to 255 (white), at most 32 rows and columns. Shape: (h, w).
        picture: The original picture (C, H, W), bytes or numbers.
        title: Title of the figure.
        caption: Caption of the picture.

    Raises:
        ArgumentError: There are too many values to read, or none.
    """
    table = np.asarray(values)
    if table.ndim != 2 or not table.size or max(table.shape) > _MOST:
        raise ArgumentError("values", f"rows and columns, 1 to {_MOST} of each", table.shape)
    rows, columns = table.shape
    width, height = columns * _PIXEL + 0.5, rows * _PIXEL + 0.4
    side = 2.2
    figure = style.new_figure(side + width + 0.5, max(height, side + 0.8) + 0.6)
    style.head(figure, title)
    left, right = figure.subplots(1, 2, width_ratios=[side, width])
    left.imshow(as_rgb(np.asarray(picture)[None])[0])
    left.set_anchor("N")
    left.set_xticks([])
    left.set_yticks([])
    left.set_xlabel(drawable(caption), fontsize=style.LABEL_SIZE, color=style.INK)
    right.imshow(table, cmap="gray", vmin=0, vmax=255)
    right.set_anchor("N")
    for (row, column), value in np.ndenumerate(table):
        color = style.PAPER if value < 128 else style.INK
        right.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=6.5, color=color)
    right.xaxis.tick_top()
    for axis, length in ((right.xaxis, columns), (right.yaxis, rows)):
        axis.set_ticks([*range(0, length, 5)])
    right.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, length=3)
    for axes in (left, right):
        for spine in axes.spines.values():
            spine.set_color(style.FAINT)
    return style.finish(figure)
