"""A recurrent network for text: scores of the next word and a state; the nearest words by their embeddings.

Shapes: B texts, T words, V vocabulary, E embedding, W query words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.errors import CheckpointError
from dlcore.text.vocabulary import END

State = tuple[Tensor, ...]
_PIECE = 64  # words of a prompt per step: the scores of all would fill the memory


class Network(Protocol):
    """Maps words (B, T) and a state, None at the start, to scores (B, T, V) and the next state.

    A state is a tuple of tensors with the texts on dimension 1.
    """

    def __call__(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Compute one step."""


def read_in(network: Network, texts: Sequence[Sequence[int]], device: torch.device | str) -> tuple[Tensor, State]:
    """Feed the words of texts to a network in its initial state.

    Args:
        network: The network.
        texts: The token ids of each text (B), all of the same length (T), at least 1.
        device: Where the network is.

    Returns:
        The scores of the next words (B, V), and the state.
    """
    state: State | None = None
    scores = torch.empty(0)
    tokens = torch.tensor([list(ids) for ids in texts], device=device)
    for piece in torch.split(tokens, _PIECE, dim=1):
        scores, state = network(piece, state)
    if state is None:
        raise ValueError("expected at least one word")
    return scores[:, -1], state


def check_finite(scores: Tensor) -> None:
    """Raise a `CheckpointError` if a score is NaN or infinite."""
    if not torch.stack(scores.aminmax()).isfinite().all():
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


def nearest_words(embeddings: Tensor, ids: Sequence[int], num: int = 10) -> list[list[tuple[int, float]]]:
    """Return the words with the most similar embeddings (V, E): cos(a, b) = a·b / (‖a‖ ‖b‖).

    For each query word's id (W) its `num` neighbours, the nearest first, as token id and cosine, in [-1, 1]; without
    the word itself and the special tokens (unknown, end of a document).
    """
    directions = functional.normalize(embeddings.detach().double(), dim=1)
    cosines = directions[list(ids)] @ directions.T
    cosines[:, : END + 1] = -torch.inf
    cosines[range(len(ids)), list(ids)] = -torch.inf
    found = cosines.topk(min(num, max(0, len(embeddings) - END - 2)), dim=1)
    return [list(zip(*pair, strict=True)) for pair in zip(found.indices.tolist(), found.values.tolist(), strict=True)]
