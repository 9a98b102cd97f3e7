"""Stacked recurrent layers, with locked dropout between them and weight drop within them.

Shapes: B batch, T time, E features of the input, D hidden features, F features of any kind, L layers, V vocabulary.

References: Gal and Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks";
Merity, Keskar and Socher (2018), "Regularizing and Optimizing LSTM Language Models" (weight drop).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from dlcore.errors import UnknownNameError
from dlcore.torch_compat import replaced_weights


class LockedDropout(nn.Module):
    """Dropout that drops the same features at all steps of a sequence, and different ones in each sequence.

    For a recurrent network, a new mask at each step would be noise that accumulates over time.

    Args:
        p: Probability in [0, 1) with which a feature is dropped in training; the others are divided by 1 - p.

    Shape:
        - Input and output: (B, T, F).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, sequences: Tensor) -> Tensor:
        """Return sequences (B, T, F) with dropped features set to zero."""
        if not self.training or not self.p:
            return sequences
        batch, _, features = sequences.shape
        return sequences * _mask((batch, 1, features), self.p, sequences)

    def extra_repr(self) -> str:
        """Return the probability, for printing."""
        return f"p={self.p}"


def drop_words(embedded: Tensor, tokens: Tensor, vocab_size: int, p: float) -> Tensor:
    """Drop whole words: set a dropped word's embedding to zero at all its positions in the batch.

    Args:
        embedded: Embeddings of the tokens (B, T, F).
        tokens: The tokens (B, T).
        vocab_size: Number of words (V).
        p: Probability in [0, 1) with which a word is dropped; the others are divided by 1 - p.

    Returns:
        The embeddings (B, T, F).
    """
    return embedded * _mask((vocab_size, 1), p, embedded)[tokens]


def _mask(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """Return a mask: 0 with probability p, else 1/(1 - p)."""
    return torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1 - p).div_(1 - p)


def dropped_weights(layer: nn.RNNBase, p: float) -> AbstractContextManager[None]:
    """Run a layer in the block with some of its hidden-to-hidden weights set to zero.

    Args:
        layer: A torch recurrent layer.
        p: Probability in [0, 1) with which a weight is dropped; the others are divided by 1 - p. In evaluation mode,
            nothing is dropped.
    """
    if not layer.training or not p:
        return nullcontext()
    return replaced_weights(layer, lambda name, weight: dropout(weight, p) if name.startswith("weight_hh") else weight)


# State of a recurrent network between two steps: (h,), or (h, c) for an LSTM, each (L, B, D).
RecurrentState = tuple[Tensor, ...]

_LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = tuple(_LAYERS)


class Recurrent(nn.Module):
    """Stack of torch.nn's recurrent layers.

    torch's own `num_layers` also stacks layers, but its dropout draws a new mask at each step, which is known to
    damage the memory of the state.

    Args:
        cell: ``rnn`` (h_t = tanh(W x_t + b + W' h_{t-1} + b')), ``gru`` or ``lstm``.
        input_size: Features of the input (E).
        hidden_size: Features of each layer's state and output (D).
        num_layers: Number of layers (L).
        dropout: Probability in [0, 1) of the locked dropout between two layers.
        weight_drop: Probability in [0, 1) with which a hidden-to-hidden weight is dropped.

    Shape:
        - Input: (B, T, E), and a state: tensors (L, B, D), for ``lstm`` two (h, c), else one (h).
        - Output: (B, T, D), and the state after the last step.

    Raises:
        UnknownNameError: Unknown cell.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in _LAYERS:
            raise UnknownNameError("cell", cell, CELLS)
        self.weight_drop = weight_drop
        self.dropout = LockedDropout(dropout)
        self.layers = nn.ModuleList(
            _LAYERS[cell](hidden_size if number else input_size, hidden_size, batch_first=True)
            for number in range(num_layers)
        )

    def forward(self, inputs: Tensor, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """Return outputs (B, T, D) of inputs (B, T, E), and the state (L, B, D) after them.

        Args:
            inputs: The input of each step.
            state: The state before the first step; None: zero.

        With mixed precision on a processor without AVX-512, the layers compute in float32.
        """
        # Mixed precision would need bfloat16 on a CPU without AVX-512, for which oneDNN has no LSTM.
        mixed = inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        if mixed and not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
            with torch.autocast("cpu", enabled=False):
                state = None if state is None else tuple(part.float() for part in state)
                return self._run(inputs.float(), state)
        return self._run(inputs, state)

    def _run(self, inputs: Tensor, state: RecurrentState | None) -> tuple[Tensor, RecurrentState]:
        ends = []
        for number, layer in enumerate(self.layers):
            if number:
                inputs = self.dropout(inputs)
            start = None if state is None else tuple(part[number : number + 1] for part in state)
            with dropped_weights(cast(nn.RNNBase, layer), self.weight_drop):
                # torch's LSTM takes a pair as its state, the others a tensor.
                bare = start[0] if start is not None and len(start) == 1 else start
                inputs, end = layer(inputs, bare)
            ends.append(end if isinstance(end, tuple) else (end,))
        return inputs, tuple(torch.cat(parts) for parts in zip(*ends, strict=True))
