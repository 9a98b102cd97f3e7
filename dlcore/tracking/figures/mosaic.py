"""Many small pictures in one image on one chart, which draws ten times as fast as one chart per picture.

Shapes: N pictures, C channels (1 or 3), H, W.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS_AN_INCH = 72
_MOST_PIXELS = 320  # per side; figures show pictures smaller than that
# Mean widths of characters relative to the font size.
_NARROW, _WIDE = 0.56, 1.0


def as_rgb(pictures: Any, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Convert pictures to RGB.

    Args:
        pictures: Pictures with one channel (grey) or three (red, green, blue); for other numbers of channels, the mean
            is shown. An array, or a tensor on the CPU. Shape: (N, C, H, W).
        low: Value of black; None: the minimum, or 0 for bytes.
        high: Value of white; None: the maximum, or 255 for bytes.

    Returns:
        (N, H, W, 3), float32 in [0, 1]. Pixels that are not finite have a special colour.

    Raises:
        ArgumentError: The shape is wrong.
    """
    stored = np.asarray(pictures)
    if stored.ndim != 4 or not stored.size:
        raise ArgumentError("pictures", "shape (N, C, H, W), not empty", stored.shape)
    low, high = (0.0, 255.0) if stored.dtype == np.uint8 and low is high is None else (low, high)
    # Use double precision: the range of a diverged network's numbers may overflow single precision.
    values = _smaller(stored.astype(np.float32 if stored.dtype == np.uint8 else np.float64))
    finite = np.isfinite(values)
    shown = values[finite]
    low = (float(shown.min()) if shown.size else 0.0) if low is None else low
    high = (float(shown.max()) if shown.size else 1.0) if high is None else high
    scaled = np.clip((np.where(finite, values, low) - low) / (high - low or 1.0), 0, 1)
    if scaled.shape[1] != 3:
        scaled = scaled.mean(axis=1, keepdims=True).repeat(3, axis=1)
    rgb = scaled.transpose(0, 2, 3, 1).astype(np.float32)
    rgb[~finite.all(axis=1)] = [int(style.NOT_A_NUMBER[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return rgb


def _smaller(pictures: np.ndarray) -> np.ndarray:
    """Shrink pictures (N, C, H, W) to at most about `_MOST_PIXELS` per side, by the mean over blocks of pixels."""
    step = -(-max(pictures.shape[2:]) // _MOST_PIXELS)
    if step == 1:
        return pictures
    count, channels, height, width = pictures.shape
    down, across = max(height // step, 1), max(width // step, 1)
    if height < step or width < step:  # a stripe
        return pictures[:, :, :: max(height // down, 1), :: max(width // across, 1)]
    cut = pictures[:, :, : down * step, : across * step]
    return np.asarray(cut.reshape(count, channels, down, step, across, step).mean(axis=(3, 5)))


class Mosaic:
    """Grid of pictures of one size on a white canvas.

    Args:
        height: Height of a picture in its own pixels (H).
        width: Width of a picture (W).
        rows: Number of rows.
        columns: Number of columns.
        gap: Space between pictures, relative to their longer side.
        below: Space for a caption below each picture, relative to their longer side.
    """

    def __init__(self, height: int, width: int, rows: int, columns: int, gap: float = 0.06, below: float = 0.0) -> None:
        side = max(height, width)
        self.height, self.width, self.rows, self.columns = height, width, rows, columns
        self.gap = max(1, round(gap * side))
        self.below = round(below * side)
        self.canvas = np.ones(
            (rows * (height + self.gap + self.below) - self.gap, columns * (width + self.gap) - self.gap, 3), np.float32
        )

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Return top and left of a grid cell, in pixels of the canvas."""
        return row * (self.height + self.gap + self.below), column * (self.width + self.gap)

    def put(self, row: int, column: int, picture: np.ndarray) -> None:
        """Put a picture (H, W, 3) into a grid cell."""
        top, left = self.corner(row, column)
        self.canvas[top : top + self.height, left : left + self.width] = picture

    def size(self, picture_inches: float) -> tuple[float, float]:
        """Return width and height of the canvas in inches, for a given length of a picture's longer side."""
        scale = picture_inches / max(self.height, self.width)
        return self.canvas.shape[1] * scale, self.canvas.shape[0] * scale

    def figure(
        self, picture_inches: float, title: str, left: float = 0.12, top: float = 0.5, bottom: float = 0.12
    ) -> tuple[Figure, Axes]:
        """Create a figure that fits the canvas, and draw the canvas on it.

        Args:
            picture_inches: Length of a picture's longer side.
            title: Title of the figure.
            left: Space at the left, in inches.
            top: Space above, for the title.
            bottom: Space below.
        """
        width, height = self.size(picture_inches)
        whole = max(width + left + 0.12, text_width(title) * style.TITLE_SIZE / _POINTS_AN_INCH + 0.3)
        figure = style.new_figure(whole, height + top + bottom)
        figure.set_layout_engine("none")  # all sizes are known
        axes = figure.add_axes(
            (left / whole, bottom / (height + top + bottom), width / whole, height / (height + top + bottom))
        )
        self.draw(axes)
        figure.text(
            left / whole, 1 - 0.12 / (height + top + bottom), drawable(title),
            fontsize=style.TITLE_SIZE, color=style.INK, ha="left", va="top",
        )  # fmt: skip
        return figure, axes

    def draw(self, axes: Axes) -> None:
        """Show the canvas, without a frame."""
        axes.imshow(self.canvas)
        axes.set_axis_off()

    def caption(self, axes: Axes, row: int, column: int, text: str, **look: Any) -> None:
        """Write a caption below a picture."""
        top, left = self.corner(row, column)
        # Half a pixel: an image's first pixel has its centre at 0.
        below = top + self.height - 0.5 + 0.06 * max(self.height, self.width)
        middle = left + (self.width - 1) / 2
        axes.text(middle, below, text, ha="center", va="top", **{"color": style.INK, "linespacing": 1.15, **look})


def fit_text(text: str, inches: float, size: float) -> str:
    """Escape a text for drawing, and cut off its end if it is wider than `inches` at this font size."""
    text = visible(text)
    room = inches * _POINTS_AN_INCH / size
    if text_width(text) <= room:
        return drawable(text)
    while text and text_width(text) + _WIDE > room:
        text = text[:-1]
    return drawable(f"{text.rstrip()}…")


def text_width(text: str) -> float:
    """Estimate the width of a text, in font sizes."""
    return sum(_WIDE if unicodedata.east_asian_width(letter) in "WF" else _NARROW for letter in text)


def longest(texts: Sequence[str]) -> float:
    """Return the width of the widest text, in font sizes; 0 if there is none."""
    return max(map(text_width, texts), default=0.0)
