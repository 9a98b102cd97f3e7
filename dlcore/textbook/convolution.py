"""Convolution and pooling of one picture: kernels by name or by their numbers, and the sizes by the formula.

Shapes: H rows, W columns, C channels, F kernel's side, P padding, S stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.convolution import output_size
from dlcore.textbook.demonstration import Demonstration, Table, number
from dlcore.textbook.pictures import grey, read_picture, resized
from dlcore.tracking.figures import style

EXAMPLES = (
    "show convolution",
    "show convolution --image numbers --kernels edge",
    "show convolution --image photo.jpg --kernels sobel_x,sobel_y,emboss --color true",
    "show convolution --kernel [[0,-1,0],[-1,5,-1],[0,-1,0]] --padding 0 --stride 2",
)
_KERNELS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "edge": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "sobel_x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel_y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "blur": [[1 / 9] * 3] * 3,
    "gaussian": [[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16], [1 / 16, 2 / 16, 1 / 16]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}
# A picture of 5 × 5 numbers: a bright vertical bar.
_NUMBERS = [[0, 0, 9, 0, 0], [0, 0, 9, 0, 0], [0, 0, 9, 0, 0], [0, 0, 9, 0, 0], [0, 0, 9, 0, 0]]
_MOST_KERNELS, _MOST_SIDE, _READABLE = 6, 320, 10


def convolution(
    image: str = "china",
    kernels: Sequence[str] = ("edge", "blur", "sharpen"),
    kernel: Sequence[Sequence[float]] | None = None,
    padding: int = 1,
    stride: int = 1,
    pool: int = 2,
    color: bool = False,
) -> Demonstration:
    """Convolution of a picture with one or several kernels, and maximum and average pooling of each result.

    A large picture is first made smaller, to at most 320 pixels a side.

    Args:
        image: A file, one of two photographs (china, flower), or numbers: 5 × 5 values, written on the picture.
        kernels: Names: identity, edge, sobel_x, sobel_y, blur, gaussian, sharpen, emboss; at most 6.
        kernel: The numbers of a kernel of your own, rows of equal length; in place of names.
        padding: Rows and columns of zeros around the picture (P), 0 to 20.
        stride: Step of the kernel (S), 1 to 20.
        pool: Side and stride of the pooling windows, 1 to 20.
        color: Convolve three channels and add them up, in place of the grey picture.

    Returns:
        The demonstration; its `values` are ``input`` (C, H, W), ``outputs``, ``max_pooled`` and ``average_pooled``,
        arrays by kernel.

    Raises:
        DataError: The file cannot be read.
        UnknownNameError: There is no kernel of that name.
        ArgumentError: A number is out of range, or the kernel is larger than the padded picture.
    """
    for name, value, least in (("padding", padding, 0), ("stride", stride, 1), ("pool", pool, 1)):
        check_number(name, value, at_least=least, at_most=20, whole=True)
    chosen = _chosen(kernels, kernel)
    inputs = _input(image, color)
    channels, height, width = inputs.shape
    outputs: dict[str, np.ndarray] = {}
    largest: dict[str, np.ndarray] = {}
    average: dict[str, np.ndarray] = {}
    rows = []
    for name, numbers in chosen.items():
        weight = numbers.expand(1, channels, *numbers.shape)
        if min(height, width) + 2 * padding < max(numbers.shape):
            raise ArgumentError(
                "kernel",
                f"a kernel no larger than the padded picture, {height + 2 * padding} × {width + 2 * padding}",
                tuple(numbers.shape),
            )
        result = functional.conv2d(inputs[None], weight, stride=stride, padding=padding)
        sides = [
            output_size(side, length, stride, padding)
            for side, length in zip((height, width), numbers.shape, strict=True)
        ]
        if min(result.shape[2:]) < pool:
            raise ArgumentError("pool", f"at most {min(result.shape[2:])}, the side of the result", pool)
        outputs[name] = result[0, 0].numpy()
        largest[name] = functional.max_pool2d(result, pool)[0, 0].numpy()
        average[name] = functional.avg_pool2d(result, pool)[0, 0].numpy()
        formula = f"({height} − {numbers.shape[0]} + 2·{padding})/{stride} + 1 = {sides[0]}"
        pooled = " × ".join(map(str, largest[name].shape))
        rows.append(
            (
                name,
                f"{height} × {width}",
                " × ".join(map(str, numbers.shape)),
                formula,
                f"{sides[0]} × {sides[1]}",
                pooled,
            )
        )
    header = ("kernel", "input", "size", "(H − F + 2P)/S + 1", "output", f"pooled by {pool}")
    notes = [f"The kernel goes over each of {channels} channels; the results are added up to one map."] if color else []
    notes.append("Convolution layers learn the numbers of their kernels; these are made by hand.")
    figure = _figure(inputs, chosen, outputs, largest, average, color)
    values: dict[str, object] = {
        "input": inputs.numpy(),
        "outputs": outputs,
        "max_pooled": largest,
        "average_pooled": average,
    }
    return Demonstration(figure, [Table(header, rows)], notes, values)


def _chosen(kernels: Sequence[str], kernel: Sequence[Sequence[float]] | None) -> dict[str, torch.Tensor]:
    """Return the kernels by name (F, F).

    Raises:
        UnknownNameError: There is no kernel of that name.
        ArgumentError: The numbers are no matrix, or there are too many kernels.
    """
    if kernel is not None:
        if not kernel or not kernel[0] or len({len(row) for row in kernel}) != 1:
            raise ArgumentError("kernel", "rows of equal length, as in [[0,1,0],[1,-4,1],[0,1,0]]", kernel)
        return {"own": torch.tensor(kernel, dtype=torch.float64)}
    if not 1 <= len(kernels) <= _MOST_KERNELS:
        raise ArgumentError("kernels", f"1 to {_MOST_KERNELS} names", len(kernels))
    for name in kernels:
        if name not in _KERNELS:
            raise UnknownNameError("kernel (in --kernels)", name, _KERNELS)
    return {name: torch.tensor(_KERNELS[name], dtype=torch.float64) for name in kernels}


def _input(image: str, color: bool) -> torch.Tensor:
    """Return the picture as numbers (C, H, W), small enough to be drawn."""
    if image == "numbers":
        return torch.tensor([_NUMBERS] * (3 if color else 1), dtype=torch.float64)
    picture = read_picture(image)
    height, width, _ = picture.shape
    share = min(1.0, _MOST_SIDE / max(height, width))
    picture = resized(picture, max(1, round(height * share)), max(1, round(width * share)))
    array = picture.transpose(2, 0, 1) if color else grey(picture)[None]
    return torch.from_numpy(array.astype(np.float64))


def _figure(
    inputs: torch.Tensor,
    kernels: dict[str, torch.Tensor],
    outputs: dict[str, np.ndarray],
    largest: dict[str, np.ndarray],
    average: dict[str, np.ndarray],
    color: bool,
) -> Any:
    rows = len(kernels)
    figure = style.new_figure(13, 2.5 * rows + 0.3)
    charts = figure.subplots(rows, 5, width_ratios=[1.3, 0.8, 1.3, 1.1, 1.1], squeeze=False)
    array = inputs.numpy()
    for row, (name, numbers) in enumerate(kernels.items()):
        first, second, *others = charts[row]
        if color and array.shape[0] == 3 and array.max() > _READABLE:
            first.imshow(array.transpose(1, 2, 0).astype(np.uint8))
        else:
            _draw(first, array[0])
        _label(first, f"input: {' × '.join(map(str, array.shape[1:]))}" + f" × {len(array)}" * color)
        _draw_kernel(second, numbers.numpy())
        _label(second, name)
        for axes, title, values in zip(
            others,
            ("output", "max pooling", "average pooling"),
            (outputs[name], largest[name], average[name]),
            strict=True,
        ):
            _draw(axes, values)
            _label(axes, f"{title}: {' × '.join(map(str, values.shape))}")
    return style.finish(figure)


def _draw(axes: Any, values: np.ndarray) -> None:
    """Draw values as grey, the extreme 1% cut off; a few are written on it."""
    low, high = np.percentile(values, [1, 99]) if values.size > 100 else (values.min(), values.max())
    axes.imshow(values, cmap="gray", vmin=low, vmax=high if high > low else low + 1)
    if max(values.shape) <= _READABLE:
        for (row, column), value in np.ndenumerate(values):
            shade = style.PAPER if value < (low + high) / 2 or low == high else style.INK
            axes.text(column, row, number(round(float(value), 2)), ha="center", va="center", fontsize=8, color=shade)


def _draw_kernel(axes: Any, numbers: np.ndarray) -> None:
    """Draw a kernel with its numbers: negative ones blue, positive ones red."""
    most = 2 * np.abs(numbers).max() or 1.0  # pale, so that the numbers can be read
    axes.imshow(numbers, cmap="RdBu_r", vmin=-most, vmax=most)
    for (row, column), value in np.ndenumerate(numbers) if max(numbers.shape) <= _READABLE else ():
        axes.text(column, row, number(round(float(value), 2)), ha="center", va="center", fontsize=8, color=style.INK)


def _label(axes: Any, title: str) -> None:
    axes.set_title(title, fontsize=style.LABEL_SIZE, color=style.INK, loc="left")
    axes.set_xticks([])
    axes.set_yticks([])
