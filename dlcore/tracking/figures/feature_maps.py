"""Figure: feature maps of a network's layers for one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.mosaic import Mosaic, as_rgb, fit_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS, _PICTURE, _INPUT = 8, 0.85, 1.9  # maps in a row; inches


@dataclass(frozen=True)
class LayerMaps:
    """Feature maps of a layer.

    Attributes:
        name: The layer's name.
        maps: Its first maps, an array or a tensor on the CPU (M, H, W).
        channels: Total number of maps.
    """

    name: str
    maps: Any
    channels: int


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
