"""Dropout for sequences with the same mask at all steps.

Shapes: B batch, T time, F features, V vocabulary.

Reference: Gal and Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
