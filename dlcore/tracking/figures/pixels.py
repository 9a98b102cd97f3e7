"""Figures: a picture's values, and its channels and hand-made features, as used before networks learned their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.figures.mosaic import as_rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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


_SIDE, _TALLEST = 2.35, 1.5  # inches; height of a picture as part of its width
_CHANNELS = (("red", style.VERMILION), ("green", style.GREEN), ("blue", style.BLUE))


@dataclass(frozen=True)
class PictureFeatures:
    """Features of a picture computed without learning; H, W its size."""

    picture: Any  # the picture, bytes (C, H, W)
    grey: Any  # its brightness, 0 to 255 (H, W)
    histogram: Any  # number of pixels with each of 256 values, a row per channel (C, 256)
    gradient_x: Any  # derivative of the brightness to the right (H, W)
    gradient_y: Any  # derivative of the brightness downwards (H, W)
    edges: Any  # length of the gradient (H, W)
    shuffled: Any  # the picture with its pixels in another order (C, H, W)


def hand_made_features(features: PictureFeatures, title: str) -> Figure:
    """Draw a picture, its channels, grey version, gradients, edges, histogram, and a shuffle with the same histogram.

    Args:
        features: The features.
        title: Title of the figure.
    """
    picture = np.asarray(features.picture)
    colored = len(picture) == 3
    height = _SIDE * min(picture.shape[1] / picture.shape[2], _TALLEST)
    # Captions have one line in the first row of a colour picture, and three below.
    heights = [*([height + 0.3] if colored else []), height + 0.67, max(height, _SIDE) + 0.6]
    figure = style.new_figure(4 * (_SIDE + 0.12), sum(heights) + 0.55)
    style.head(figure, title)
    grid = figure.add_gridspec(len(heights), 4, height_ratios=heights)
    if colored:
        _show(figure.add_subplot(grid[0, 0]), as_rgb(picture[None])[0], "the picture")
        for number, (name, _) in enumerate(_CHANNELS):
            alone = np.zeros_like(picture)
            alone[number] = picture[number]
            _show(figure.add_subplot(grid[0, number + 1]), as_rgb(alone[None])[0], f"its {name} channel")
    row = int(colored)
    grey = as_rgb(np.asarray(features.grey)[None, None], 0, 255)[0]
    _show(figure.add_subplot(grid[row, 0]), grey, "grey: 0.299 R + 0.587 G + 0.114 B" if colored else "the picture")
    greatest = max(float(np.abs(gradient).max()) for gradient in (features.gradient_x, features.gradient_y)) or 1.0
    for column, (gradient, name) in enumerate(
        (
            (features.gradient_x, "gradient to the right\n−1 0 1 / −2 0 2 / −1 0 1"),
            (features.gradient_y, "gradient downwards\n−1 −2 −1 / 0 0 0 / 1 2 1"),
        ),
        start=1,
    ):
        axes = figure.add_subplot(grid[row, column])
        _show(axes, np.asarray(gradient), f"{name}\nred: brighter, blue: darker", cmap="RdBu_r", limit=greatest)
    edges = np.asarray(features.edges)
    shown = as_rgb(edges[None, None], 0, float(edges.max()) or 1.0)[0]
    _show(figure.add_subplot(grid[row, 3]), shown, "edges (Sobel)\nlength of the gradient")

    _histogram(figure.add_subplot(grid[row + 1, :2]), np.asarray(features.histogram), colored)
    shuffled = as_rgb(np.asarray(features.shuffled)[None])[0]
    _show(figure.add_subplot(grid[row + 1, 2]), shuffled, "its pixels shuffled:\nthe same histogram")
    words = figure.add_subplot(grid[row + 1, 3])
    words.set_axis_off()
    words.text(
        0.0, 1.0,
        "Made by hand, these are the\nsame for every task:\n\n"
        "· a histogram does not know\n   where a pixel lies;\n"
        "· edges and gradients do not\n   know what belongs together.\n\n"
        "A convolutional network\nlearns its kernels from the\ntask: Sobel's are two of\nthose it could find.",
        ha="left", va="top", fontsize=style.LABEL_SIZE - 0.5, color=style.INK, linespacing=1.3,
    )  # fmt: skip
    return style.finish(figure)


def _show(axes: Axes, picture: np.ndarray, caption: str, cmap: str | None = None, limit: float | None = None) -> None:
    axes.imshow(picture, cmap=cmap, vmin=None if limit is None else -limit, vmax=limit)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_anchor("N")
    axes.set_xlabel(caption, fontsize=style.TICK_SIZE, color=style.INK)
    for spine in axes.spines.values():
        spine.set_color(style.FAINT)


def _histogram(axes: Axes, counts: np.ndarray, colored: bool) -> None:
    style.style_axes(axes, "", "value of a pixel", "pixels")
    values = np.arange(257)
    looks = _CHANNELS if colored else (("grey", style.INK),)
    for (name, color), channel in zip(looks, counts, strict=True):
        axes.stairs(channel, values, color=color, fill=not colored, linewidth=1.1, label=name)
    axes.set_xlim(0, 256)
    axes.set_xticks([0, 64, 128, 192, 255])
    # Use a logarithmic scale: one value (a black background) may have more pixels than all others.
    axes.set_yscale("symlog", linthresh=10)
    greatest = max(int(counts.max()), 1)
    ticks = [tick for tick in (0, 5, 10, 100, 1000, 10_000, 100_000) if tick <= greatest * 1.5]
    axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_ylim(0, greatest * 1.6)
    axes.minorticks_off()
    if colored:
        style.add_legend(axes, loc="upper right", ncols=3)
