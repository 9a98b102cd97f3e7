"""The size of a feature map (chapter "images and convolution").

Letters: H length of the input, F length of the kernel, P padding on each side, S stride, D dilation.
"""

from __future__ import annotations

from torch import nn


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return the length of a feature map: (H − F + 2P)/S + 1, rounded down; (5 − 3 + 2·1)/1 + 1 = 5.

    Args:
        size: Pixels of the input in this direction (H).
        kernel_size: Pixels of the kernel or of the pooling window (F).
        stride: Pixels from one position of the kernel to the next (S).
        padding: Pixels added on each side (P).
        dilation: Pixels from one weight of the kernel to the next (D): a kernel of F covers D·(F − 1) + 1.

    Returns:
        The length; below 1 if the kernel does not fit into the padded input.
    """
    return (size - (dilation * (kernel_size - 1) + 1) + 2 * padding) // stride + 1


def size_formula(size: int, kernel_size: int, stride: int, padding: int, dilation: int = 1) -> str:
    """Format the formula with its numbers: ``(5 − 3 + 2·1)/1 + 1 = 5``; with ⌊ ⌋ if it rounds down."""
    covered = dilation * (kernel_size - 1) + 1
    exact = (size - covered + 2 * padding) % stride == 0
    quotient = f"({size} − {covered} + 2·{padding})/{stride}"
    result = output_size(size, kernel_size, stride, padding, dilation)
    return f"{quotient if exact else f'⌊{quotient}⌋'} + 1 = {result}"


def layer_geometry(layer: nn.Module) -> tuple[dict[str, int], dict[str, int]] | None:
    """Return kernel size, stride, padding and dilation of a layer for pictures, for height and for width.

    Args:
        layer: Any layer.

    Returns:
        Arguments of `output_size` for each direction; None if the formula does not apply: the layer is no convolution
        or pooling of pictures, rounds up, or pads by name.
    """
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) or isinstance(layer.padding, str):
        return None
    if getattr(layer, "ceil_mode", False):
        return None
    found = [
        {name: _in_direction(getattr(layer, name, 1), direction) for name in ("kernel_size", "stride", "padding")}
        | {"dilation": _in_direction(getattr(layer, "dilation", 1), direction)}
        for direction in (0, 1)
    ]
    return found[0], found[1]


def _in_direction(value: int | tuple[int, ...], direction: int) -> int:
    return value if isinstance(value, int) else value[direction]
