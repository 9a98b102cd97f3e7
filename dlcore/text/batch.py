"""What text data hand to a text model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # processes that only cut text need no torch
    from torch import Tensor

# Stands in `TextBatch.targets` where a stream has ended before the others: it counts nowhere.
NO_TARGET = -100


class TextBatch(NamedTuple):
    """A piece of B streams of text, T tokens long.

    Attributes:
        inputs: Tokens (B, T), int64.
        targets: The token that follows each of them (B, T), int64; `NO_TARGET` where there is none.
        characters: How many characters each target stands for (B, T), float32; 0 where there is none.
        continues: Whether each row goes on where the same row of the batch before ended: a network that carries its
            state keeps it then, and begins anew otherwise.
    """

    inputs: Tensor
    targets: Tensor
    characters: Tensor
    continues: bool
