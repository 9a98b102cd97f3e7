"""The loss of each token of held-out documents, by its position and by its frequency in the training text.

Shapes: V vocabulary, N tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dlcore.text.gradient_by_lag import PIECE, rows_at_once
from dlcore.text.token_store import TokenPart
from dlcore.text.vocabulary import END, NO_TARGET


@dataclass(frozen=True)
class Bin:
    """Mean loss of the tokens in a range.

    Attributes:
        first: Least position, or count, in the bin.
        last: Greatest one that is possible in it.
        loss: Mean loss, nats per token.
        tokens: Number of tokens.
    """

    first: int
    last: int
    loss: float
    tokens: int

    @property
    def label(self) -> str:
        """The range in words: ``16–31``."""
        return f"{self.first:,}" if self.first == self.last else f"{self.first:,}–{self.last:,}"


@dataclass(frozen=True)
class TokenLosses:
    """Losses of the tokens of some documents, each read from its beginning.

    Attributes:
        tokens: The predicted tokens (N,), ends of documents included.
        positions: The position of each in its document (N,), from 1.
        losses: The loss of each (N,), nats.
        documents: The document of each (N,), by its place among the given ones.
        right: Whether each is the token with the highest score (N,).
    """

    tokens: np.ndarray
    positions: np.ndarray
    losses: np.ndarray
    documents: np.ndarray
    right: np.ndarray

    def by_position(self) -> list[Bin]:
        """Return the loss in bins of the position in the document: 1, 2–3, 4–7 and so on; empty ones are left out."""
        return self._bins(self.positions, 2)

    def by_frequency(self, counts: np.ndarray) -> list[Bin]:
        """Return the loss in bins of how often a token occurs in the training text: 0, 1–9, 10–99 and so on.

        Args:
            counts: How often each token occurs there (V,).
        """
        return self._bins(counts[self.tokens], 10)

    def _bins(self, values: np.ndarray, base: int) -> list[Bin]:
        bounds = [0, *(base**power for power in range(20 if base == 10 else 63))]
        numbers = np.searchsorted(bounds, values, side="right") - 1
        sums, sizes = np.bincount(numbers, self.losses), np.bincount(numbers)
        return [
            Bin(bounds[number], bounds[number + 1] - 1, float(sums[number] / sizes[number]), int(sizes[number]))
            for number in np.flatnonzero(sizes)
        ]


def held_out_documents(part: TokenPart, most: int, longest: int = 1024) -> list[np.ndarray]:
    """Return documents spread evenly over a part, each up to `longest` tokens, as many as `most` tokens allow.

    At least one is returned if there is any.
    """
    mean = max(1.0, min(len(part) / max(part.documents, 1), longest))
    count = min(part.documents, max(1, int(most / mean)))
    chosen = np.unique(np.linspace(0, part.documents - 1, count).astype(np.int64)).tolist()
    return [np.asarray(part.document(number)[:longest], dtype=np.int64) for number in chosen]


@torch.no_grad()
def token_losses(model: nn.Module, documents: Sequence[np.ndarray]) -> TokenLosses:
    """Return the loss of each token of documents, read from their beginnings with the initial state.

    Args:
        model: A text network in evaluation mode, as for `gradient_by_lag`.
        documents: Token ids of each document, without END.
    """
    device = next(model.parameters()).device
    compute: Any = model.scores
    rows = rows_at_once(model, PIECE)
    found: list[tuple[np.ndarray, ...]] = []
    ordered = sorted(range(len(documents)), key=lambda place: len(documents[place]))  # rows are about equally long
    for first in range(0, len(ordered), rows):
        places = ordered[first : first + rows]
        batch = [documents[place] for place in places]
        read = np.full((len(batch), max(map(len, batch)) + 1), END, dtype=np.int64)
        targets = np.full_like(read, NO_TARGET)
        for row, document in enumerate(batch):
            read[row, 1 : len(document) + 1] = document
            targets[row, : len(document) + 1] = [*document, END]
        state = None
        for begin in range(0, read.shape[1], PIECE):
            piece = slice(begin, begin + PIECE)
            wanted = torch.from_numpy(targets[:, piece]).to(device)
            scores, state = compute(torch.from_numpy(read[:, piece]).to(device), state)
            nats = cross_entropy(scores.mT.float(), wanted, ignore_index=NO_TARGET, reduction="none").cpu().numpy()
            there = targets[:, piece] != NO_TARGET
            positions = np.broadcast_to(np.arange(there.shape[1]) + begin + 1, there.shape)
            owners = np.broadcast_to(np.array(places)[:, None], there.shape)
            right = (scores.argmax(dim=-1) == wanted).cpu().numpy()
            found.append((targets[:, piece][there], positions[there], nats[there], owners[there], right[there]))
    if not found:
        return TokenLosses(*(np.empty(0, dtype=kind) for kind in (np.int64, np.int64, np.float64, np.int64, np.bool_)))
    tokens, positions, losses, owners, right = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return TokenLosses(tokens, positions, losses.astype(np.float64), owners, right)
