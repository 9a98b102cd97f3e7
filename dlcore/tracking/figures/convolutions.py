"""Figures: kernels of a layer, and feature maps of layers for one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.figures.mosaic import Mosaic, as_rgb, fit_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_MOST, _MOST_NUMBERED, _LARGEST_NUMBERED = 64, 16, 5
_DIVERGING = "RdBu_r"


def kernels(weights: Any, title: str, total: int | None = None) -> Figure:
    """Draw the kernels of a layer, at most 64 of them.

    Kernels over red, green and blue are shown in colour, each with its own scale. Those over one channel share a colour
    scale: red for weights above 0, blue for weights below; for any other number of channels, the mean is shown. If the
    kernels are few and small, their numbers are printed.

    Args:
        weights: The kernels, an array or a tensor on the CPU. Shape: (N, C, H, W).
        title: Title of the figure.
        total: Total number of kernels of the layer; None: these are all.

    Raises:
        ArgumentError: The shape is wrong.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    table = np.asarray(weights, dtype=np.float64)  # single precision could overflow
    if table.ndim != 4 or not table.size:
        raise ArgumentError("weights", "shape (N, C, H, W), not empty", table.shape)
    count, channels, height, width = table.shape
    count = count if total is None else total
    table = table[:_MOST]
    colored = channels == 3
    plain = table.mean(axis=1)
    greatest = float(np.abs(plain[np.isfinite(plain)]).max(initial=0.0)) or 1.0
    norm = Normalize(-greatest, greatest)
    if colored:
        shown = np.concatenate([as_rgb(kernel[None]) for kernel in table])
    else:
        shown = colormaps[_DIVERGING](norm(np.where(np.isfinite(plain), plain, 0.0)))[..., :3]
        shown[~np.isfinite(plain)] = as_rgb(np.full((1, 1, 1, 1), np.nan))[0, 0, 0]
    numbered = not colored and len(table) <= _MOST_NUMBERED and max(height, width) <= _LARGEST_NUMBERED
    columns = min(8, len(table)) if len(table) <= 32 else min(16, len(table))
    # Enlarge the pixels, so that a gap can be narrower than one pixel of a kernel.
    zoom = max(1, 40 // max(height, width))
    mosaic = Mosaic(height * zoom, width * zoom, -(-len(table) // columns), columns, gap=0.12)
    for number, picture in enumerate(shown):
        mosaic.put(*divmod(number, columns), picture.repeat(zoom, axis=0).repeat(zoom, axis=1))
    part = f", {len(table):,} of {count:,}" if len(table) < count else ""
    side = 1.25 if numbered else 0.9 if columns <= 8 else 0.62  # inches
    if colored:
        return style.finish(mosaic.figure(side, title + part)[0])
    inches = mosaic.size(side)
    figure = style.new_figure(max(inches[0] + 1.4, 5.0), inches[1] + 0.8)
    axes = figure.subplots()
    mosaic.draw(axes)
    if numbered:
        for number, kernel in enumerate(plain):
            top, left = mosaic.corner(*divmod(number, columns))
            for (row, column), weight in np.ndenumerate(kernel):
                color = style.PAPER if abs(weight) > 0.6 * greatest else style.INK
                axes.text(
                    left + (column + 0.5) * zoom, top + (row + 0.5) * zoom, _number(weight),
                    ha="center", va="center", color=color, fontsize=8 if max(height, width) <= 3 else 5.5,
                )  # fmt: skip
    label = "weight" if channels == 1 else f"mean weight of {channels} channels"
    style.add_color_bar(ScalarMappable(norm, _DIVERGING), axes, label, shrink=0.85)
    axes.set_title(drawable(f"{title}{part}"), fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=10)
    return style.finish(figure)


def _number(weight: float) -> str:
    text = f"{weight:.2f}"
    return text.removeprefix("-") if not float(text) else text.replace("-", "−")


_COLUMNS, _PICTURE, _INPUT = 8, 0.85, 1.9  # maps in a row; inches


@dataclass(frozen=True)
class LayerMaps:
    """Feature maps of a layer."""

    name: str
    maps: Any  # its first maps, an array or a tensor on the CPU (M, H, W)
    channels: int  # total number of maps


def feature_maps(picture: Any, caption: str, layers: Sequence[LayerMaps], title: str) -> Figure:
    """Draw a picture and the feature maps of layers.

    Each layer has its own scale, from its minimum (dark) to its maximum (light); a completely dark map found nothing.

    Args:
        picture: The network's input (C, H, W), an array or a tensor on the CPU.
        caption: Caption of the picture.
        layers: The layers, input side first.
        title: Title of the figure.

    Raises:
        ArgumentError: There is no layer, or a layer has no maps.
    """
    from matplotlib import colormaps

    if not layers:
        raise ArgumentError("layers", "at least one layer", "none")
    mosaics = [_mosaic(layer, colormaps[style.SEQUENTIAL]) for layer in layers]
    heights = [mosaic.size(_PICTURE)[1] + 0.35 for mosaic in mosaics]
    width = max(mosaic.size(_PICTURE)[0] for mosaic in mosaics)
    figure = style.new_figure(_INPUT + width + 0.6, max(sum(heights), _INPUT + 0.5) + 0.6)
    grid = figure.add_gridspec(len(layers), 2, width_ratios=[_INPUT, width], height_ratios=heights)
    axes = figure.add_subplot(grid[:, 0])
    axes.imshow(as_rgb(np.asarray(picture, dtype=np.float32)[None])[0])
    axes.set_axis_off()
    axes.set_anchor("N")
    axes.set_title(
        "\n".join(fit_text(line, _INPUT + 0.2, style.TICK_SIZE) for line in caption.splitlines()),
        fontsize=style.TICK_SIZE, color=style.INK,
    )  # fmt: skip
    for number, (layer, mosaic) in enumerate(zip(layers, mosaics, strict=True)):
        axes = figure.add_subplot(grid[number, 1])
        mosaic.draw(axes)
        axes.set_anchor("W")
        maps, height, across = np.shape(layer.maps)
        shown = f"{layer.channels} channels" if maps == layer.channels else f"{maps} of {layer.channels} channels"
        heading = fit_text(f"{layer.name}: {height} × {across}, {shown}", width, style.LABEL_SIZE)
        axes.set_title(heading, fontsize=style.LABEL_SIZE, color=style.INK, loc="left", pad=4)
    style.head(figure, title)
    return style.finish(figure)


def _mosaic(layer: LayerMaps, colors: Any) -> Mosaic:
    table = np.asarray(layer.maps, dtype=np.float32)
    if table.ndim != 3 or not table.size:
        raise ArgumentError("maps", f"shape (M, H, W) of layer {layer.name}, not empty", table.shape)
    count, height, width = table.shape
    grey = as_rgb(table[:, None])  # one scale for the whole layer
    columns = min(_COLUMNS, count)
    zoom = max(1, 32 // max(height, width))  # so that a gap can be narrower than a pixel of the map
    mosaic = Mosaic(height * zoom, width * zoom, -(-count // columns), columns)
    finite = np.isfinite(table)[..., None]
    for number, picture in enumerate(np.where(finite, colors(grey[..., 0])[..., :3], grey)):
        row, column = divmod(number, columns)
        mosaic.put(row, column, picture.repeat(zoom, axis=0).repeat(zoom, axis=1))
    return mosaic
