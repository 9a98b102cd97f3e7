"""Convolutional network as a torch.nn.Sequential: blocks of convolutions with pooling, then a perceptron.

Shapes: N batch, C channels, H and W height and width of a picture or feature map, O outputs; in the formula of a size:
H length of the input, F length of the kernel, P padding on each side, S stride, D dilation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from dlcore.errors import ArgumentError, check_number
from dlcore.nn.activations import make_activation
from dlcore.nn.perceptron import perceptron


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


POOLS = ("max", "average", "none")
HEADS = ("global_average", "flatten")
# All torch layers of a kind, for `isinstance`.
CONVOLUTIONS = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
BATCH_NORMS = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm


@dataclass(frozen=True)
class BlockSettings:
    """Settings of a block: convolution → batch norm → activation, repeated; then pooling, then dropout."""

    channels: int  # output channels of each convolution
    convolutions: int  # number of convolutions
    kernel_size: int  # height and width of the kernels, in pixels
    stride: int  # stride of the first convolution, in pixels; 1 in the others
    padding: int  # pixels of zeros on each side, in each convolution
    pool: str  # ``max``, ``average`` or ``none``
    pool_size: int  # height and width of the pooling window, and its stride


def block_settings(
    channels: Sequence[int],
    convolutions: int | Sequence[int] = 1,
    kernel_size: int | Sequence[int] = 3,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | None = None,
    pool: str | Sequence[str] = "max",
    pool_size: int | Sequence[int] = 2,
) -> list[BlockSettings]:
    """Build the settings of all blocks: each argument is one value for all blocks, or a list with one per block.

    Args:
        channels: Channels of each block, input side first; their number is the number of blocks.
        convolutions: Convolutions in a block, at least 1.
        kernel_size: Height and width of the kernels, in pixels.
        stride: Stride of a block's first convolution, in pixels.
        padding: Pixels of zeros on each side; None: (kernel_size - 1)/2, which keeps the size at stride 1.
        pool: ``max``, ``average`` or ``none``.
        pool_size: Height and width of the pooling window, in pixels.

    Raises:
        ArgumentError: There is no block, the length of a list is not the number of blocks, or a value is out of range.
    """
    if isinstance(channels, int) or not len(channels):
        raise ArgumentError("channels", "a list with the channels of each block, as in [32, 64]", channels)
    given: dict[str, Any] = {"channels": list(channels), "convolutions": convolutions, "kernel_size": kernel_size}
    given |= {"stride": stride, "pool": pool, "pool_size": pool_size}
    if padding is not None:
        given["padding"] = padding
    columns: dict[str, list[Any]] = {}
    for name, value in given.items():
        several = isinstance(value, Sequence) and not isinstance(value, str)
        columns[name] = list(value) if several else [value] * len(channels)
        if len(columns[name]) != len(channels):
            expected = f"one value for all blocks, or {len(channels)}, one a block of channels"
            raise ArgumentError(name, expected, columns[name])
        for number, each in enumerate(columns[name]):
            place = f"{name}[{number}]" if several else name
            if name != "pool":
                check_number(place, each, at_least=0 if name == "padding" else 1, whole=True)
            elif each not in POOLS:
                raise ArgumentError(place, " or ".join(POOLS), each)
    if padding is None:
        columns["padding"] = [(size - 1) // 2 for size in columns["kernel_size"]]
    return [BlockSettings(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def convolutional(
    image_shape: Sequence[int],
    blocks: Sequence[BlockSettings],
    out_features: int,
    head: str = "global_average",
    hidden_sizes: Sequence[int] = (),
    activation: str = "ReLU",
    batch_norm: bool = True,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Build blocks → global average pooling (or nothing) → flatten → perceptron.

    A convolution before batch normalisation has no bias: the normalisation would cancel it.

    Args:
        image_shape: Shape of a picture: (C, H, W).
        blocks: The blocks, input side first.
        out_features: Size of the output (O).
        head: ``global_average``: the mean of each channel, for any size of the feature map; ``flatten``: all its
            numbers.
        hidden_sizes: Sizes of the perceptron's hidden layers; empty: connect the features to the output directly.
        activation: Name of the activation after each convolution and hidden layer.
        batch_norm: Normalise channels and hidden units over the batch before each activation.
        dropout: Probability with which a value is dropped in training, after each block and hidden layer.

    Returns:
        The network; layers are named (``block_1.conv_1``, ``block_1.pool``, …, ``global_average``, ``output``).

    Shape:
        - Input: (N, C, H, W).
        - Output: (N, O).

    Raises:
        ArgumentError: A feature map shrinks to nothing; the message names the block and all sizes before.
    """
    if head not in HEADS:
        raise ArgumentError("head", " or ".join(HEADS), head)
    check_number("dropout", dropout, at_least=0, below=1)
    sizes = feature_map_sizes(image_shape, blocks)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    in_channels = image_shape[0]
    for number, block in enumerate(blocks, start=1):
        layers[f"block_{number}"] = _block(in_channels, block, activation, batch_norm, dropout)
        in_channels = block.channels
    if head == "global_average":
        layers["global_average"] = nn.AdaptiveAvgPool2d(1)
        features = in_channels
    else:
        height, width = sizes[-1]
        features = in_channels * height * width
    layers.update(perceptron(features, hidden_sizes, out_features, activation, batch_norm, dropout).named_children())
    return nn.Sequential(layers)


def _block(in_channels: int, block: BlockSettings, activation: str, batch_norm: bool, dropout: float) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number in range(1, block.convolutions + 1):
        sizes = (block.kernel_size, block.stride if number == 1 else 1, block.padding)
        layers[f"conv_{number}"] = nn.Conv2d(in_channels, block.channels, *sizes, bias=not batch_norm)
        if batch_norm:
            layers[f"batch_norm_{number}"] = nn.BatchNorm2d(block.channels)
        layers[f"activation_{number}"] = make_activation(activation)
        in_channels = block.channels
    if block.pool != "none":
        layers["pool"] = (nn.MaxPool2d if block.pool == "max" else nn.AvgPool2d)(block.pool_size)
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    return nn.Sequential(layers)


def feature_map_sizes(image_shape: Sequence[int], blocks: Sequence[BlockSettings]) -> list[tuple[int, int]]:
    """Return height and width of the picture, and after each convolution and pooling.

    Raises:
        ArgumentError: A size is below 1.
    """
    sizes: list[tuple[int, int]] = [(image_shape[1], image_shape[2])]
    for number, block in enumerate(blocks, start=1):
        for convolution in range(1, block.convolutions + 1):
            stride = block.stride if convolution == 1 else 1
            what = f"conv_{convolution} of block_{number}"
            sizes.append(_next(sizes, "kernel_size", what, block.kernel_size, stride, block.padding))
        if block.pool != "none":
            what = f"the pooling of block_{number}"
            sizes.append(_next(sizes, "pool_size", what, block.pool_size, block.pool_size, 0))
    return sizes


def _next(
    sizes: list[tuple[int, int]], argument: str, what: str, kernel_size: int, stride: int, padding: int
) -> tuple[int, int]:
    height, width = (output_size(size, kernel_size, stride, padding) for size in sizes[-1])
    if height < 1 or width < 1:
        way = " → ".join(f"{size[0]} × {size[1]}" for size in sizes)
        fits = min(sizes[-1]) + 2 * padding
        padded = f" and is padded by {padding}" * (padding > 0)
        expected = f"at most {fits} for {what}, where the picture has become {sizes[-1][0]} × {sizes[-1][1]}{padded}"
        remedy = "Use fewer blocks or convolutions, less stride or pooling, more padding, or larger pictures."
        raise ArgumentError(argument, f"{expected} (sizes so far: {way})", kernel_size, remedy)
    return height, width
