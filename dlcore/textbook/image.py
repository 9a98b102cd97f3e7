"""One picture as an array: cropped, grey, small with its values, channel by channel.

Shapes: H rows, W columns, 3 channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcore.errors import ArgumentError, check_number
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.textbook.pictures import grey, read_picture, resized
from dlcore.tracking.figures import style

EXAMPLES = ("show image", "show image --image photo.jpg --crop [50,200,100,250] --size 16")
_CHANNELS = (("red", "Reds_r"), ("green", "Greens_r"), ("blue", "Blues_r"))


def image(
    image: str = "china",
    crop: Sequence[int] | None = None,
    size: int = 25,
) -> Demonstration:
    """A picture as an array: height × width × channels of numbers from 0 to 255.

    Shown are the picture, a crop of it, the grey picture, the same small with its values written on it, and the three
    channels apart; and what its size costs a dense layer beside a convolution.

    Args:
        image: A file, or one of two photographs: china, flower.
        crop: Rows and columns of the crop: top, bottom, left, right; left out, the middle.
        size: Rows and columns of the small grey picture, 4 to 32.

    Returns:
        The demonstration; its `values` are ``shape``, ``crop`` (h, w, 3), ``grey`` (H, W) and ``small`` (size, size).

    Raises:
        DataError: The file cannot be read.
        ArgumentError: The crop lies outside the picture, or the size is out of range.
    """
    check_number("size", size, at_least=4, at_most=32, whole=True)
    picture = read_picture(image)
    height, width, _ = picture.shape
    top, bottom, left, right = _corners(crop, height, width)
    part, flat = picture[top:bottom, left:right], grey(picture)
    small = resized(flat, size, size)
    rows = [
        (name, f"{channel.min()}", f"{channel.max()}", f"{channel.mean():.1f}", str(channel[0, :5].tolist()))
        for name, channel in [
            *((name, picture[..., place]) for place, (name, _) in enumerate(_CHANNELS)),
            ("grey", flat),
        ]
    ]
    numbers = picture.size
    notes = [
        f"The array has the shape {height} × {width} × 3: {numbers:,} numbers.",
        f"A dense layer of 1,000 units on them has {1000 * numbers + 1000:,} parameters; a convolution of 32 kernels "
        f"of 3 × 3 has {32 * (3 * 9 + 1):,}, whatever the picture's size.",
    ]
    table = Table(("channel", "least", "greatest", "mean", "first values"), rows)
    values: dict[str, object] = {"shape": picture.shape, "crop": part, "grey": flat, "small": small}
    figure = _figure(picture, part, flat, small, (top, bottom, left, right))
    return Demonstration(figure, [table], notes, values)


def _corners(crop: Sequence[int] | None, height: int, width: int) -> tuple[int, int, int, int]:
    if crop is None:
        return height // 4, max(height // 4 + 1, 3 * height // 4), width // 4, max(width // 4 + 1, 3 * width // 4)
    if len(crop) == 4:
        top, bottom, left, right = crop
        if 0 <= top < bottom <= height and 0 <= left < right <= width:
            return top, bottom, left, right
    expected = f"top, bottom (0 to {height}), left, right (0 to {width}), as in [0,{height // 2},0,{width // 2}]"
    raise ArgumentError("crop", expected, list(crop))


def _figure(
    picture: np.ndarray, part: np.ndarray, flat: np.ndarray, small: np.ndarray, corners: tuple[int, int, int, int]
) -> Any:
    from matplotlib.patches import Rectangle

    figure = style.new_figure(13, 7.6)
    grid = figure.add_gridspec(3, 4, width_ratios=[1, 1, 1, 2.1])
    top, bottom, left, right = corners
    shown = [
        (grid[0, 0], picture, "picture", None),
        (grid[0, 1], part, "crop", None),
        (grid[0, 2], flat, "grey", "gray"),
    ]
    shown += [(grid[1, place], picture[..., place], name, colors) for place, (name, colors) in enumerate(_CHANNELS)]
    shown += [
        (grid[2, place], picture[..., place], f"{name} as grey", "gray") for place, (name, _) in enumerate(_CHANNELS)
    ]
    for place, values, title, colors in shown:
        axes = figure.add_subplot(place)
        axes.imshow(values, cmap=colors, vmin=0, vmax=255)
        size = " × ".join(map(str, values.shape))
        axes.set_title(f"{title}: {size}", fontsize=style.LABEL_SIZE, color=style.INK, loc="left")
        axes.axis("off")
        if title == "picture":
            box = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=style.YELLOW, linewidth=1.5)
            axes.add_patch(box)
    axes = figure.add_subplot(grid[:, 3])
    axes.imshow(small, cmap="gray", vmin=0, vmax=255)
    for (row, column), value in np.ndenumerate(small):
        color = style.PAPER if value < 128 else style.INK
        axes.text(column, row, f"{value}", ha="center", va="center", fontsize=min(9.0, 150 / len(small)), color=color)
    axes.set_title(
        f"grey, {len(small)} × {len(small)}, with its values", fontsize=style.LABEL_SIZE, color=style.INK, loc="left"
    )
    axes.axis("off")
    return style.finish(figure)
