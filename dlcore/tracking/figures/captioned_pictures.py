"""Figure: pictures with captions, such as samples with classes, or mistakes with predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.mosaic import Mosaic, as_rgb, fit_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PICTURE, _SIZE = 1.15, 7.5  # inches, points


def captioned_pictures(
    pictures: Any,
    captions: Sequence[Sequence[str]],
    title: str,
    colors: Sequence[str] = (),
    columns: int = 8,
    limits: tuple[float | None, float | None] = (None, None),
) -> Figure:
    """Draw pictures with captions below them.

    Args:
        pictures: The pictures, an array or a tensor on the CPU. Shape: (N, C, H, W).
        captions: Lines below each picture.
        title: Title of the figure.
        colors: Colour of each caption; empty: ink.
        columns: Pictures per row.
        limits: Values of black and white; None: minimum and maximum.

    Raises:
        ArgumentError: There is no picture, or captions are missing.
    """
    drawn = as_rgb(pictures, *limits)
    if len(captions) != len(drawn):
        raise ArgumentError("captions", f"{len(drawn)} captions, one a picture", len(captions))
    lines = max(map(len, captions))
    columns = min(columns, len(drawn))
    rows = -(-len(drawn) // columns)
    height, width = drawn.shape[1:3]
    mosaic = Mosaic(height, width, rows, columns, gap=0.12, below=0.16 * lines / _PICTURE)
    # Width of a caption: the picture's width, and about half of the gap on each side.
    room = _PICTURE * (width + 0.8 * mosaic.gap) / max(height, width)
    for number, picture in enumerate(drawn):
        mosaic.put(*divmod(number, columns), picture)
    figure, axes = mosaic.figure(_PICTURE, title, bottom=0.05)
    for number, caption in enumerate(captions):
        text = "\n".join(fit_text(str(line), room, _SIZE) for line in caption)
        color = colors[number] if colors else style.INK
        mosaic.caption(axes, *divmod(number, columns), text, fontsize=_SIZE, color=color)
    return style.finish(figure)
