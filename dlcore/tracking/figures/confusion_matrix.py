"""Figure: confusion matrix of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NUMBERED_CLASSES = 20
_MOST_NAMED_CLASSES = 60
_MOST_LETTERS_IN_A_ROW = 40


def confusion_matrix(counts: Any, class_names: Sequence[str], title: str = "Confusion matrix") -> Figure:
    """Draw a confusion matrix: the colour is the share of the true class, the number is the count.

    The colours follow the square root of the share, so that a confusion of a few per cent is visible.

    Args:
        counts: Rows are true classes, columns predictions; a tensor on the CPU, an array or lists. Shape: (K, K).
        class_names: Names of the K classes.
        title: Title of the figure.

    Raises:
        ArgumentError: `counts` is not square, has a negative entry or does not fit the names.
    """
    from matplotlib.colors import PowerNorm

    table = np.asarray(counts)
    size = len(class_names)
    if table.shape != (size, size) or not size:
        raise ArgumentError("counts", f"{size} rows and columns, one a class name", table.shape)
    if not (table >= 0).all():
        raise ArgumentError("counts", "no negative entry", table.min(), "Rows are true classes, entries are counts.")
    totals = table.sum(axis=1, keepdims=True)
    shares = table / np.maximum(totals, 1)

    side = min(max(0.62 * size, 4.0), 10.0)
    figure = style.new_figure(side + 2.2, side + 1.2)
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    style.style_axes(axes, title, "predicted", "true", grid=False)
    axes.text(
        1, 1.01, f"{np.trace(table) / max(table.sum(), 1):.1%} of {table.sum():,.0f} right",
        transform=axes.transAxes, ha="right", va="bottom", fontsize=style.LABEL_SIZE, color=style.INK,
    )  # fmt: skip

    stride = -(-size // _MOST_NAMED_CLASSES)
    places, names = range(0, size, stride), [drawable(str(name)) for name in class_names[::stride]]
    tick_size = style.TICK_SIZE if size <= 30 else 6
    if max(map(len, names)) * size <= _MOST_LETTERS_IN_A_ROW:
        axes.set_xticks(places, names, fontsize=tick_size)
    else:
        axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=tick_size)
    axes.set_yticks(places, names, fontsize=tick_size)
    if size <= _MOST_NUMBERED_CLASSES:
        axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=style.PAPER, linewidth=1)
        axes.tick_params(which="minor", length=0)
        for (row, column), count in np.ndenumerate(table):
            if count:
                color = style.PAPER if shares[row, column] > 0.3 else style.INK
                text_size = 12 if size <= 4 else 8
                axes.text(column, row, f"{count:.0f}", ha="center", va="center", fontsize=text_size, color=color)

    style.add_color_bar(picture, axes, "share of the true class", shrink=0.8, format=lambda share, _: f"{share:.0%}")
    return style.finish(figure)
