"""Batches that text data pass to a text model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # processes that only segment text need no torch
    from torch import Tensor

# In `TextBatch.targets` where a stream has ended before the others: such positions are ignored.
NO_TARGET = -100


class TextBatch(NamedTuple):
    """A piece of B streams of text, T tokens long.

    Attributes:
        inputs: Tokens (B, T), int64.
        targets: The token that follows each of them (B, T), int64; `NO_TARGET` if there is none.
        characters: Number of characters of each target (B, T), float32; 0 if there is no target.
        continues: Whether each row continues the same row of the previous batch: a network that carries its state then
            keeps it, and resets it otherwise.
    """

    inputs: Tensor
    targets: Tensor
    characters: Tensor
    continues: bool
