"""Interface of a recurrent network for generation: scores of the next word and a state.

Shapes: B texts, T words, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from dlcore.errors import CheckpointError

State = tuple[Tensor, ...]
_PIECE = 64  # words of a prompt per step: the scores of all would fill the memory


class Network(Protocol):
    """Maps words (B, T) and a state, None at the start, to scores (B, T, V) and the next state.

    A state is a tuple of tensors with the texts on dimension 1.
    """

    def __call__(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Compute one step."""


def read_in(network: Network, ids: Sequence[int], device: torch.device | str) -> tuple[Tensor, State]:
    """Feed words to a network in its initial state.

    Returns:
        The scores of the next word (1, V) and the state (…, 1, …).
    """
    state: State | None = None
    scores = torch.empty(0)
    tokens = torch.tensor([list(ids)], device=device)
    for piece in tokens.split(_PIECE, dim=1):
        scores, state = network(piece, state)
    if state is None:
        raise ValueError("expected at least one word")
    return scores[:, -1], state


def check_finite(scores: Tensor) -> None:
    """Check that scores are finite.

    Raises:
        CheckpointError: A score is NaN or infinite.
    """
    if not scores.isfinite().all():
        raise CheckpointError(
            "The network's scores are not finite: its training diverged. Take an earlier checkpoint, or train "
            "again with a smaller learning rate."
        )


def rows_of(state: State, rows: Sequence[int] | Tensor) -> State:
    """Return the states of some texts, in the given order; a text may be repeated."""
    return tuple(part.index_select(1, torch.as_tensor(rows, device=part.device)) for part in state)


def joined(states: Sequence[State]) -> State:
    """Concatenate the states of several batches."""
    return tuple(torch.cat(parts, dim=1) for parts in zip(*states, strict=True))
