"""Encoders of texts: recurrent layers in one or both directions, convolutions of several widths, and pooling over time.

Rows of a batch are padded at their end. No encoder lets the padding change a text's features.

Shapes: N texts, T tokens, E features of the input, D features of a layer, F features of the output, W kernel sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcore.nn.recurrent import LockedDropout, Recurrent

Pooling = Literal["last", "mean", "max"]


class RecurrentEncoder(nn.Module):
    """Stacked recurrent layers, in one direction or in both.

    A second layer reads each text backwards, from its own last token. The result is that of torch's bidirectional
    layers on packed sequences, without copying the lengths from the device.

    Args:
        cell: ``rnn``, ``gru`` or ``lstm``.
        input_size: Features of the input (E).
        hidden_size: Features of the state of each layer and direction (D).
        num_layers: Number of layers.
        bidirectional: Whether texts are read in both directions; the output has 2 D features.
        dropout: Probability in [0, 1) of the locked dropout between two layers.

    Shape:
        - Input: (N, T, E), and the number of tokens of each text (N,).
        - Output: (N, T, F), with F = D, or 2 D in both directions.

    Raises:
        UnknownNameError: Unknown cell.

    Reference: Schuster and Paliwal (1997), "Bidirectional recurrent neural networks".
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.hidden_size, self.out_features = hidden_size, hidden_size * (1 + bidirectional)
        sizes = [input_size, *[self.out_features] * (num_layers - 1)]
        self.forwards = nn.ModuleList(Recurrent(cell, size, hidden_size) for size in sizes)
        self.backwards = nn.ModuleList(Recurrent(cell, size, hidden_size) for size in sizes if bidirectional)
        self.dropout = LockedDropout(dropout)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the states (N, T, F) of all layers' last one; those of padding are arbitrary."""
        places = torch.arange(inputs.shape[1], device=inputs.device)
        # The reversed text, then the padding in its order: its own inverse.
        backwards = torch.where(places < lengths.unsqueeze(1), lengths.unsqueeze(1) - 1 - places, places)
        for number, layer in enumerate(self.forwards):
            if number:
                inputs = self.dropout(inputs)
            outputs = layer(inputs)[0]
            if self.backwards:
                reverse = _reordered(self.backwards[number](_reordered(inputs, backwards))[0], backwards)
                outputs = torch.cat([outputs, reverse], dim=-1)
            inputs = outputs
        return inputs

    def last(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return each direction's state after its last token (N, F): the text's last, and backwards its first."""
        ends = (lengths - 1).view(-1, 1, 1).expand(-1, 1, self.hidden_size)
        last = states[..., : self.hidden_size].gather(1, ends).squeeze(1)
        return torch.cat([last, states[:, 0, self.hidden_size :]], dim=-1)


def _reordered(sequences: Tensor, places: Tensor) -> Tensor:
    """Return sequences (N, T, F) with their steps in the order of places (N, T)."""
    return sequences.gather(1, places.unsqueeze(-1).expand(-1, -1, sequences.shape[-1]))


class ConvolutionEncoder(nn.Module):
    """Convolutions over time, of several kernel sizes side by side, each with ReLU.

    A kernel of size k sees k neighbouring words; beyond a text's ends it sees zeros.

    Args:
        input_size: Features of the input (E).
        channels: Channels of each kernel size (D).
        kernel_sizes: The kernel sizes (W), in words.

    Shape:
        - Input: (N, T, E), and the number of tokens of each text (N,).
        - Output: (N, T, F), with F = D · W.

    Reference: Kim (2014), "Convolutional neural networks for sentence classification", arXiv:1408.5882.
    """

    def __init__(self, input_size: int, channels: int, kernel_sizes: Sequence[int] = (3, 4, 5)) -> None:
        super().__init__()
        self.kernel_sizes, self.out_features = tuple(kernel_sizes), channels * len(kernel_sizes)
        self.convolutions = nn.ModuleList(nn.Conv1d(input_size, channels, size) for size in kernel_sizes)
        self.activation = nn.ReLU()

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the features at each token (N, T, F); those of padding are arbitrary."""
        rows = (inputs * within(lengths, inputs.shape[1]).unsqueeze(-1)).mT
        # Zeros beyond both ends, so that each kernel size gives as many features as there are tokens.
        around = [((size - 1) // 2, size // 2) for size in self.kernel_sizes]
        pairs = zip(self.convolutions, around, strict=True)
        outputs = [convolution(functional.pad(rows, zeros)) for convolution, zeros in pairs]
        features: Tensor = self.activation(torch.cat(outputs, dim=1))
        return features.mT


def within(lengths: Tensor, steps: int) -> Tensor:
    """Return which of T steps belong to each text (N, T), bool."""
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)


def pool(features: Tensor, lengths: Tensor, how: Literal["mean", "max"]) -> Tensor:
    """Return the mean or the maximum (N, F) over the tokens of each text, of features (N, T, F)."""
    inside = within(lengths, features.shape[1]).unsqueeze(-1)
    if how == "mean":
        return (features * inside).sum(dim=1) / lengths.unsqueeze(1)
    return features.masked_fill(~inside, -torch.inf).amax(dim=1)
