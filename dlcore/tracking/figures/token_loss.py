"""Figure: a passage of text, with each token coloured by its loss."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 84  # of half the width of a Chinese character
_LEAST = 56  # columns for title and scale
_COLUMN, _ROW, _SIZE = 0.095, 0.34, 11.5  # inches, inches, points
_BELOW = 1.05  # inches for the scale


def token_loss(tokens: Sequence[str], losses: Sequence[float], largest: float, title: str) -> Figure:
    """Draw a passage token by token; a darker colour is a higher loss.

    Args:
        tokens: The tokens' texts; a line break begins a new line.
        losses: The loss of each token, in nats; NaN has its own colour.
        largest: The loss of the darkest colour, which also marks higher losses.
        title: Title of the figure.

    Raises:
        ArgumentError: There is no token, or losses are missing.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.patches import Rectangle

    if not tokens or len(tokens) != len(losses):
        raise ArgumentError("losses", f"{max(len(tokens), 1)} numbers, one a token, at least one", len(losses))
    steps = ["#FFFFFF", "#FBE3A1", style.ORANGE, style.VERMILION]
    scale = LinearSegmentedColormap.from_list("loss", steps).with_extremes(bad=style.NOT_A_NUMBER)
    norm = Normalize(0, largest)
    places, rows = _lay_out(tokens)
    columns = max(_LEAST, *(column + size for _, column, size in places))
    figure = style.new_figure(columns * _COLUMN + 0.3, rows * _ROW + _BELOW + 0.45)
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0.15 / width, _BELOW / height, columns * _COLUMN / width, rows * _ROW / height))
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.axis("off")
    colors = [scale(math.nan if math.isnan(loss) else float(norm(loss))) for loss in losses]
    boxes = [Rectangle((column, row + 0.06), size - 0.12, 0.88) for row, column, size in places]
    axes.add_collection(PatchCollection(boxes, facecolors=colors, edgecolors=style.FAINT, linewidths=0.4))
    for token, (row, column, size) in zip(tokens, places, strict=True):
        axes.text(
            column + (size - 0.12) / 2, row + 0.5, drawable(_shown(token)),
            ha="center", va="center", fontsize=_SIZE, color=style.INK,
        )  # fmt: skip
    axes.set_title(drawable(title), fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=8)
    bar = figure.add_axes((0.15 / width, 0.62 / height, 2.6 / width, 0.14 / height))
    figure.colorbar(ScalarMappable(norm, scale), cax=bar, orientation="horizontal")
    bar.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, length=2)
    bar.set_xlabel("loss of the token, nats; 0: predicted with certainty", fontsize=style.TICK_SIZE, color=style.INK)
    bar.xaxis.label.set_horizontalalignment("left")
    bar.xaxis.label.set_x(0)
    return style.finish(figure)


def _lay_out(tokens: Sequence[str]) -> tuple[list[tuple[int, int, int]], int]:
    """Return row, first column and width of each token, and the number of rows."""
    places: list[tuple[int, int, int]] = []
    row = column = 0
    for token in tokens:
        size = sum(2 if unicodedata.east_asian_width(sign) in "WFA" else 1 for sign in _shown(token)) + 1
        size = min(size, _COLUMNS)
        if column and column + size > _COLUMNS:
            row, column = row + 1, 0
        places.append((row, column, size))
        column += size
        if token.endswith("\n"):
            row, column = row + 1, 0
    return places, row + (column > 0)


def _shown(token: str) -> str:
    """Make a token visible: a line break is ⏎, a blank ␣, the end of a document ∎."""
    if token == "\n\n":
        return "∎"
    shown = token.replace("\n", "⏎").replace(" ", "␣")
    return "".join(sign if sign.isprintable() else "□" for sign in shown)[: _COLUMNS // 2 - 1] or "∅"
