"""Figures: pictures in rows by class, pictures with captions, and the samples with the worst predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.figures.mosaic import Mosaic, as_rgb, fit_text, longest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_SMALL, _LABEL_SIZE, _WIDEST_LABEL = 0.74, 10, 2.2  # inches, points, inches
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
    figure, axes = mosaic.figure(_SMALL, title, left=room, top=0.65 if headings else 0.5)
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


def worst_predictions(
    pictures: Any,
    true: Sequence[str],
    predicted: Sequence[str],
    true_shares: Sequence[float],
    predicted_shares: Sequence[float],
    title: str = "The worst predictions",
    limits: tuple[float | None, float | None] = (None, None),
) -> Figure:
    """Draw the worst-predicted pictures, the worst first.

    Args:
        pictures: The pictures, an array or a tensor on the CPU. Shape: (N, C, H, W).
        true: The true class of each.
        predicted: The predicted class of each.
        true_shares: Predicted probability of the true class.
        predicted_shares: Predicted probability of the predicted class.
        title: Title of the figure.
        limits: Values of black and white; None: minimum and maximum.

    Raises:
        ArgumentError: There is no picture, or classes are missing.
    """
    rows = list(zip(true, predicted, true_shares, predicted_shares, strict=True))
    captions = [
        (f"taken for {answer}", _percent(answer_share), f"is {name}", _percent(share))
        if answer != name
        else (f"rightly {name}", _percent(share))
        for name, answer, share, answer_share in rows
    ]
    colors = [style.VERMILION if answer != name else style.GREEN for name, answer, _, _ in rows]
    return captioned_pictures(pictures, captions, title, colors, limits=limits)


def _percent(share: float) -> str:
    """Format a probability without rounding it to 0% or 100%."""
    if share != share:
        return "NaN"
    if share < 0.0005:
        return "< 0.1%"
    return "> 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"
