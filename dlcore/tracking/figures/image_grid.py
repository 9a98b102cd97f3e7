"""Figure: samples in rows, one row per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.figures.mosaic import Mosaic, as_rgb, fit_text, longest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PICTURE, _LABEL_SIZE, _WIDEST_LABEL = 0.74, 10, 2.2  # inches, points, inches
_CAPTION_SIZE = 7.5


def image_grid(
    rows: Sequence[Any],
    labels: Sequence[str],
    title: str,
    headings: Sequence[str] = (),
    limits: tuple[float | None, float | None] = (None, None),
) -> Figure:
    """Draw pictures in rows with a name at the left of each row.

    Args:
        rows: The pictures of each row; a row may have fewer than others, or none. Bytes, or numbers. Shape of each:
            (N, C, H, W), arrays or tensors on the CPU.
        labels: The rows' names.
        title: Title of the figure.
        headings: Headings of the columns; may be empty.
        limits: Values of black and white; None: minimum and maximum of a row, for bytes 0 and 255.

    Raises:
        ArgumentError: There is no picture, or names are missing.
    """
    if not rows or len(rows) != len(labels):
        raise ArgumentError("labels", f"{len(rows)} names, one a row, at least one", len(labels))
    drawn = [as_rgb(row, *limits) if len(row) else None for row in rows]
    first = next((row for row in drawn if row is not None), None)
    if first is None:
        raise ArgumentError("rows", "at least one picture", "none")
    columns = max(len(row) for row in rows)
    mosaic = Mosaic(first.shape[1], first.shape[2], len(rows), columns)
    for number, row in enumerate(drawn):
        for place, picture in enumerate(() if row is None else row):
            mosaic.put(number, place, picture)
    names = [fit_text(str(label), _WIDEST_LABEL, _LABEL_SIZE) for label in labels]
    room = longest(names) * _LABEL_SIZE / 72 + 0.25
    figure, axes = mosaic.figure(_PICTURE, title, left=room, top=0.65 if headings else 0.5)
    for number, name in enumerate(names):
        top, _ = mosaic.corner(number, 0)
        axes.text(
            -0.5 - mosaic.gap * 1.5, top + (mosaic.height - 1) / 2, name,
            ha="right", va="center", fontsize=_LABEL_SIZE, color=style.INK,
        )  # fmt: skip
    for place, heading in enumerate(headings):
        middle = mosaic.corner(0, place)[1] + (mosaic.width - 1) / 2
        axes.text(
            middle, -0.5 - mosaic.gap, drawable(heading),
            ha="center", va="bottom", fontsize=_CAPTION_SIZE, color=style.INK,
        )  # fmt: skip
    return style.finish(figure)
