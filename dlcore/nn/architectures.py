"""Convolutional networks by name: LeNet-5, a small VGG, a small residual network, and torchvision's.

Shapes: C channels, H and W height and width, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.call_text import read_call
from dlcore.nn.convolution import block_settings, convolutional
from dlcore.nn.residual import residual_network
from dlcore.nn.torchvision_models import torchvision_model, torchvision_names


def lenet5(image_shape: Sequence[int], out_features: int, activation: str = "ReLU", dropout: float = 0.0) -> nn.Module:
    """Build LeNet-5: two convolutions 5 × 5 with average pooling, then 120 and 84 hidden units.

    For one channel of 32 × 32 pixels and ten classes it has 61,706 parameters, like most current versions: each kernel
    of the second convolution reads all six maps, and pooling has no parameters (in the paper, a kernel reads some of
    the maps, and pooling has a factor and an offset). Pictures of 28 × 28 are padded to 32 × 32, as in the paper.

    Args:
        image_shape: Shape of a picture: (C, H, W).
        out_features: Size of the output (O).
        activation: Name of the activation; the paper's is Tanh.
        dropout: Probability with which a value is dropped in training, after each pooling and hidden layer.

    Reference: LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document recognition",
        section II.B.
    """
    padding = [2 if tuple(image_shape[1:]) == (28, 28) else 0, 0]
    blocks = block_settings([6, 16], kernel_size=5, padding=padding, pool="average")
    return convolutional(image_shape, blocks, out_features, "flatten", [120, 84], activation, False, dropout)


def small_vgg(
    image_shape: Sequence[int], out_features: int, activation: str = "ReLU", dropout: float = 0.0, width: int = 32
) -> nn.Module:
    """Build a small VGG: three blocks of two convolutions 3 × 3 with max pooling, the channels doubling.

    Batch normalisation and global average pooling replace the paper's large hidden layers.

    Args:
        image_shape: Shape of a picture: (C, H, W), of at least 8 × 8 pixels.
        out_features: Size of the output (O).
        activation: Name of the activation.
        dropout: Probability with which a value is dropped in training, after each block.
        width: Channels of the first block.

    Reference: Simonyan and Zisserman (2014), "Very deep convolutional networks for large-scale image recognition",
        arXiv:1409.1556.
    """
    blocks = block_settings([width, 2 * width, 4 * width], convolutions=2)
    return convolutional(image_shape, blocks, out_features, activation=activation, dropout=dropout)


def small_resnet(
    image_shape: Sequence[int],
    out_features: int,
    activation: str = "ReLU",
    dropout: float = 0.0,
    blocks: int = 3,
    width: int = 16,
) -> nn.Module:
    """Build the residual network for small pictures, ResNet-20; see `dlcore.nn.residual_network`."""
    return residual_network(image_shape[0], out_features, blocks, width, activation, dropout)


# Each with its arguments in brackets and their defaults.
_PRESETS: dict[str, tuple[Callable[..., nn.Module], dict[str, Any]]] = {
    "lenet5": (lenet5, {}),
    "small_vgg": (small_vgg, {"width": 32}),
    "small_resnet": (small_resnet, {"blocks": 3, "width": 16}),
}


def architecture_names() -> list[str]:
    """Return the names for `make_architecture`: dlcore's own, then torchvision's."""
    return [*_PRESETS, *torchvision_names()]


def make_architecture(
    text: str,
    image_shape: Sequence[int],
    out_features: int,
    activation: str = "ReLU",
    dropout: float = 0.0,
    weights: str | None = None,
) -> nn.Module:
    """Make a network from its name.

    Args:
        text: ``lenet5``; ``small_vgg``, with the first block's channels in brackets (``small_vgg(width=32)``);
            ``small_resnet(blocks=3, width=16)``, with residual blocks a stage and channels of the first stage; or one
            of torchvision's classification networks (``resnet18``, ``mobilenet_v3_small``, …).
        image_shape: Shape of a picture: (C, H, W).
        out_features: Size of the output (O).
        activation: Name of the activation; torchvision's networks have their own.
        dropout: Probability with which a value is dropped in training; torchvision's networks have their own.
        weights: File with weights, for torchvision's networks only.

    Raises:
        UnknownNameError: Unknown network, or unknown argument of it.
        ArgumentError: A value does not fit the network, or the pictures are too small.
    """
    call = read_call("architecture", text)
    if call.name in _PRESETS:
        make, defaults = _PRESETS[call.name]
        values = call.values(call.name, defaults)
        for name, value in values.items():
            check_number(f"architecture.{name}", value, at_least=1, whole=True)
        if weights is not None:
            raise ArgumentError(
                "weights", f"nothing beside {call.name}", weights, "A file's weights are for torchvision's networks."
            )
        return make(image_shape, out_features, activation, dropout, **values)
    if call.name not in torchvision_names():
        raise UnknownNameError("architecture", call.name, architecture_names())
    call.values(call.name, {})
    for name, given, usual in (("activation", activation, "ReLU"), ("dropout", dropout, 0.0)):
        if given != usual:
            raise ArgumentError(name, f"its default, {usual}: {call.name} has its own", given, "Leave it out.")
    return torchvision_model(call.name, image_shape, out_features, weights)
