"""Convolutional networks by name: LeNet-5, a small VGG, a small residual network, torchvision's and timm's.

Shapes: N batch, C channels, H and W height and width, O outputs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.activations import make_activation
from dlcore.nn.call_text import read_call
from dlcore.nn.convolution import block_settings, convolutional
from dlcore.nn.pretrained_weights import fit_weights, read_weights
from dlcore.nn.torchvision_models import TIMM, timm_model, torchvision_model, torchvision_names


class ResidualBlock(nn.Module):
    """Two convolutions with a short cut: activation(F(x) + x).

    If the number of channels grows, the short cut takes every `stride`-th pixel and fills the new channels with zeros
    (the paper's option A): it has no parameters.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output, at least as many.
        stride: Stride of the first convolution, in pixels.
        activation: Name of the activation.

    Shape:
        - Input: (N, in_channels, H, W).
        - Output: (N, channels, ⌈H/stride⌉, ⌈W/stride⌉).
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1, activation: str = "ReLU") -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.batch_norm_1 = nn.BatchNorm2d(channels)
        self.activation_1 = make_activation(activation)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.batch_norm_2 = nn.BatchNorm2d(channels)
        self.activation_2 = make_activation(activation)
        self.stride, self.new_channels = stride, channels - in_channels

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output (N, channels, …) of inputs (N, in_channels, H, W)."""
        residual = self.activation_1(self.batch_norm_1(self.conv_1(inputs)))
        residual = self.batch_norm_2(self.conv_2(residual))
        short_cut = inputs
        if self.stride > 1:
            short_cut = short_cut[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            before = self.new_channels // 2
            short_cut = functional.pad(short_cut, (0, 0, 0, 0, before, self.new_channels - before))
        outputs: Tensor = self.activation_2(residual + short_cut)
        return outputs


def residual_network(
    in_channels: int,
    out_features: int,
    blocks: int = 3,
    width: int = 16,
    activation: str = "ReLU",
    dropout: float = 0.0,
) -> nn.Sequential:
    """Build convolution → three stages of residual blocks → global average pooling → linear.

    Each stage after the first halves height and width and doubles the channels. There are 6·blocks + 2 layers with
    weights: 3 blocks per stage give the paper's ResNet-20 (269,722 parameters for three channels and ten classes; the
    paper reports 0.27M), 9 its ResNet-56.

    Args:
        in_channels: Channels of a picture (C).
        out_features: Size of the output (O).
        blocks: Residual blocks in a stage (n), at least 1.
        width: Channels of the first stage, at least 1.
        activation: Name of the activation.
        dropout: Probability with which a feature is dropped in training, before the output.

    Shape:
        - Input: (N, C, H, W), of any height and width.
        - Output: (N, O).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
    layers["batch_norm"] = nn.BatchNorm2d(width)
    layers["activation"] = make_activation(activation)
    channels = width
    for stage in (1, 2, 3):
        for block in range(1, blocks + 1):
            wider = channels if stage == 1 or block > 1 else 2 * channels
            stride = 2 if wider > channels else 1
            layers[f"stage_{stage}_block_{block}"] = ResidualBlock(channels, wider, stride, activation)
            channels = wider
    layers["global_average"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    layers["output"] = nn.Linear(channels, out_features)
    return nn.Sequential(layers)


def lenet5(image_shape: Sequence[int], out_features: int, activation: str = "ReLU", dropout: float = 0.0) -> nn.Module:
    """Build LeNet-5: two convolutions 5 × 5 with average pooling, then 120 and 84 hidden units.

    For one channel of 32 × 32 pixels and ten classes it has 61,706 parameters, like most current versions: each kernel
    of the second convolution reads all six maps, and pooling has no parameters (in the paper, a kernel reads some of
    the maps, and pooling has a factor and an offset). Pictures of 28 × 28 are padded to 32 × 32, as in the paper.
    Dropout comes after each pooling and hidden layer; the paper's activation is Tanh.

    Reference: LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document recognition", section
    II.B.
    """
    padding = [2 if tuple(image_shape[1:]) == (28, 28) else 0, 0]
    blocks = block_settings([6, 16], kernel_size=5, padding=padding, pool="average")
    return convolutional(image_shape, blocks, out_features, "flatten", [120, 84], activation, False, dropout)


def small_vgg(
    image_shape: Sequence[int], out_features: int, activation: str = "ReLU", dropout: float = 0.0, width: int = 32
) -> nn.Module:
    """Build a small VGG: three blocks of two convolutions 3 × 3 with max pooling, the channels doubling from `width`.

    Batch normalisation and global average pooling replace the paper's large hidden layers. Dropout comes after each
    block; pictures have at least 8 × 8 pixels.

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
            ``small_resnet(blocks=3, width=16)``, with residual blocks a stage and channels of the first stage; one of
            torchvision's classification networks (``resnet18``, ``mobilenet_v3_small``, …); or one of timm's
            (``timm:resnet18``).
        image_shape: Shape of a picture: (C, H, W).
        out_features: Size of the output (O).
        activation: Name of the activation; torchvision's and timm's networks have their own.
        dropout: Probability with which a value is dropped in training; torchvision's and timm's have their own.
        weights: Weights to begin from: a file, or a name (``IMAGENET1K_V1`` of torchvision's, ``DEFAULT``).

    Raises:
        UnknownNameError: Unknown network, or unknown argument of it.
        ArgumentError: A value does not fit the network, or the pictures are too small.
    """
    if text.startswith(TIMM):
        _check_defaults(text, activation, dropout)
        return timm_model(text.removeprefix(TIMM), image_shape, out_features, weights)
    call = read_call("architecture", text)
    if call.name in _PRESETS:
        make, defaults = _PRESETS[call.name]
        values = call.values(call.name, defaults)
        for name, value in values.items():
            check_number(f"architecture.{name}", value, at_least=1, whole=True)
        network = make(image_shape, out_features, activation, dropout, **values)
        if weights is not None:
            fit_weights(network, read_weights(weights), weights, text)
        return network
    if call.name not in torchvision_names():
        raise UnknownNameError("architecture", call.name, architecture_names())
    call.values(call.name, {})
    _check_defaults(call.name, activation, dropout)
    return torchvision_model(call.name, image_shape, out_features, weights)


def _check_defaults(network: str, activation: str, dropout: float) -> None:
    """Check arguments that a library's network does not take."""
    for name, given, usual in (("activation", activation, "ReLU"), ("dropout", dropout, 0.0)):
        if given != usual:
            raise ArgumentError(name, f"its default, {usual}: {network} has its own", given, "Leave it out.")
