"""Residual network for small pictures.

Reference: He, Zhang, Ren, Sun (2015), "Deep residual learning for image recognition", arXiv:1512.03385, section 4.2.

Shapes: N batch, C channels, H and W height and width, O outputs.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from dlcore.nn.activations import make_activation


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
        return self.activation_2(residual + self._short_cut(inputs))

    def _short_cut(self, inputs: Tensor) -> Tensor:
        if self.stride > 1:
            inputs = inputs[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            before = self.new_channels // 2
            inputs = functional.pad(inputs, (0, 0, 0, 0, before, self.new_channels - before))
        return inputs


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
