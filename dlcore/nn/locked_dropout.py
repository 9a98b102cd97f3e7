"""Dropout for sequences whose mask stays the same over time.

Shapes: B batch, T time, F features, V vocabulary.

Reference: Gal and Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Drops the same features at all steps of a sequence, other ones in each sequence.

    A mask that changed with each step would be noise to a recurrent network, which adds up over time.

    Args:
        p: Probability in [0, 1) with which a feature is dropped in training; those that stay are divided by 1 - p.

    Shape:
        - Input and output: (B, T, F).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, sequences: Tensor) -> Tensor:
        """Sequences (B, T, F) without the features that are dropped."""
        if not self.training or not self.p:
            return sequences
        batch, _, features = sequences.shape
        return sequences * _mask((batch, 1, features), self.p, sequences)

    def extra_repr(self) -> str:
        """The probability, for printing."""
        return f"p={self.p}"


def drop_words(embedded: Tensor, tokens: Tensor, vocab_size: int, p: float) -> Tensor:
    """Drop whole words: all places of a batch where a dropped word stands become zero.

    Args:
        embedded: Their embeddings (B, T, F).
        tokens: The tokens (B, T).
        vocab_size: Number of words (V).
        p: Probability in [0, 1) with which a word is dropped; those that stay are divided by 1 - p.

    Returns:
        The embeddings (B, T, F).
    """
    return embedded * _mask((vocab_size, 1), p, embedded)[tokens]


def _mask(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """Zeros with probability p, else 1/(1 - p)."""
    return torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1 - p).div_(1 - p)
