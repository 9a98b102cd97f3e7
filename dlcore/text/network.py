"""A recurrent network, as generation sees it: scores of the next word and a state, nothing else.

Shapes: B texts, T words, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from dlcore.errors import CheckpointError

State = tuple[Tensor, ...]
_PIECE = 64  # words of a prompt that are read at once: scores of all would fill the memory


class Network(Protocol):
    """Maps words (B, T) and a state, None at the beginning, to scores (B, T, V) and the state after them.

    A state is a tuple of tensors, each with the texts on dimension 1.
    """

    def __call__(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One step."""


def read_in(network: Network, ids: Sequence[int], device: torch.device | str) -> tuple[Tensor, State]:
    """Feed words to a network that is at its beginning.

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
    """Check that words can be chosen by scores.

    Raises:
        CheckpointError: One is NaN or infinite.
    """
    if not scores.isfinite().all():
        raise CheckpointError(
            "The network's scores are not finite: its training diverged. Take an earlier checkpoint, or train "
            "again with a smaller learning rate."
        )


def rows_of(state: State, rows: Sequence[int] | Tensor) -> State:
    """The states of some texts, in that order; one may come several times."""
    return tuple(part.index_select(1, torch.as_tensor(rows, device=part.device)) for part in state)


def joined(states: Sequence[State]) -> State:
    """The states of several batches as that of one."""
    return tuple(torch.cat(parts, dim=1) for parts in zip(*states, strict=True))
