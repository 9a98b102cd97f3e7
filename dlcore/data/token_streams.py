"""Batches of a corpus by arithmetic: (seed, epoch) determines the order of an epoch, (order, k, rank) a batch.

Training tokens form a ring: END, the first document, END, the second, …, with the last END before the first document.
Each of its N tokens is a target once, with the previous token as its input.

Shapes: N tokens, B rows of a process, T tokens of a row in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from dlcore.data.batches import epoch_order
from dlcore.data.resumable_data import ResumableLoader
from dlcore.text import END, NO_TARGET, TextBatch
from dlcore.text.token_store import TokenPart

_MOST_UNITS = 1 << 20  # units that are shuffled: with more documents, a unit holds several neighbours, to limit memory
_RELEASED = 64  # batches after which the memory of read pages is released: rows lie all over the file


class TextLoader(ResumableLoader):
    """Batches of text.

    Args:
        part: The documents.
        rows: Rows of all processes together.
        sequence_length: Tokens of a row in a batch (T); the last batch of an epoch may have fewer.
        options: ``rank``, ``world_size`` and ``position``, as for `ResumableLoader`.
    """

    def __init__(self, part: TokenPart, rows: int, sequence_length: int, **options: Any) -> None:
        super().__init__(**options)
        self.part, self.rows, self.sequence_length = part, rows, sequence_length

    def __iter__(self) -> Iterator[TextBatch]:
        for number, batch in enumerate(super().__iter__(), 1):
            yield batch
            if number % _RELEASED == 0:
                self.part.release()


class TrainStreams(TextLoader):
    """Training text as rows that continue from batch to batch: the ring, cut into rows of equal length.

    Each epoch starts its first row at another token of the ring, unless seed is None, and shuffles documents if asked.
    Process r has the rows r, r + world_size, …: the rows are the same for any number of processes. The tokens after the
    last row (fewer than there are rows) are not used in this epoch.
    """

    def __init__(
        self,
        part: TokenPart,
        rows: int,
        sequence_length: int,
        seed: int | None,
        shuffle: bool,
        drop_last: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(part, rows, sequence_length, **options)
        self.seed, self.shuffle, self.drop_last = seed, shuffle, drop_last
        self.row_length = len(part) // rows

    def __len__(self) -> int:
        whole, rest = divmod(self.row_length, self.sequence_length)
        return whole + (rest > 0 and not self.drop_last)

    def batches(self, epoch: int, first: int) -> Iterator[TextBatch]:
        """Yield the batches of an epoch, from index `first` on."""
        ring = Ring(self.part, self.seed, epoch, self.shuffle)
        starts = np.arange(self.rank, self.rows, self.world_size)[:, None] * self.row_length
        for k in range(first, len(self)):
            begin = k * self.sequence_length
            places = np.arange(begin - 1, min(begin + self.sequence_length, self.row_length))
            yield _batch(ring.tokens(starts + places), continues=k > 0)


class TrainWindows(TextLoader):
    """Training text as windows at random positions, none of which continues; the same each epoch if seed is None."""

    def __init__(self, part: TokenPart, rows: int, sequence_length: int, seed: int | None, **options: Any) -> None:
        super().__init__(part, rows, min(sequence_length, len(part)), **options)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.part) // (self.rows * self.sequence_length)

    def batches(self, epoch: int, first: int) -> Iterator[TextBatch]:
        """Yield the batches of an epoch, from index `first` on."""
        ring = Ring(self.part, None, epoch, shuffle=False)
        seed = (0, 0) if self.seed is None else (self.seed, epoch)
        for k in range(first, len(self)):
            # Each process draws the windows of all processes and uses its own.
            starts = np.random.default_rng((*seed, k)).integers(0, len(self.part), self.rows)
            own = starts[self.rank :: self.world_size, None]
            yield _batch(ring.tokens(own + np.arange(-1, self.sequence_length)), continues=False)


class WholeDocuments(TextLoader):
    """Text for evaluation: each row is a run of whole documents, rows about equally long, each starting with END.

    So each token of the part, and one END per document, is a target once for any number of processes. Rows shorter than
    the longest are filled with `NO_TARGET`.
    """

    def __init__(self, part: TokenPart, rows: int, sequence_length: int, **options: Any) -> None:
        super().__init__(part, rows, sequence_length, **options)
        offsets = part.offsets
        wished = np.linspace(0, len(part), min(rows, part.documents) + 1)[1:-1]
        cuts = np.searchsorted(offsets, wished)
        cuts = np.where(wished - offsets[cuts - 1] < offsets[cuts] - wished, cuts - 1, cuts)  # the nearer end
        bounds = offsets[np.unique([0, *cuts.tolist(), part.documents])].astype(np.int64)
        self.starts, self.lengths = bounds[:-1], np.diff(bounds)

    @property
    def first_documents(self) -> list[int]:
        """The index within the part of the first document of each row of this process."""
        own = self.starts[self.rank :: self.world_size]
        return [int(number) for number in np.searchsorted(self.part.offsets, own.astype(self.part.offsets.dtype))]

    def __len__(self) -> int:
        return -(-int(self.lengths.max()) // self.sequence_length)

    def batches(self, epoch: int, first: int) -> Iterator[TextBatch]:
        """Yield the batches, from index `first` on."""
        starts, lengths = (row[self.rank :: self.world_size] for row in (self.starts, self.lengths))
        if not len(starts):  # more processes than documents: this one has only empty targets, in as many batches
            starts, lengths = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        longest = int(self.lengths.max())
        for k in range(first, len(self)):
            begin = k * self.sequence_length
            places = np.arange(begin - 1, min(begin + self.sequence_length, longest))
            inside = (places >= 0) & (places < lengths[:, None])
            tokens = self.part.tokens[np.where(inside, starts[:, None] + places, 0)].astype(np.int64)
            tokens[~inside] = END
            batch = _batch(tokens, continues=k > 0)
            batch.targets[torch.from_numpy(~inside[:, 1:])] = NO_TARGET
            yield batch


class Ring:
    """The training tokens in the order of an epoch; without a seed, it starts at the first document."""

    def __init__(self, part: TokenPart, seed: int | None, epoch: int, shuffle: bool) -> None:
        self._tokens, self._size = part.tokens, len(part)
        self._begins: np.ndarray | None = None
        self._shift = 0
        if seed is None:
            return
        generator = np.random.default_rng((seed, epoch))
        self._shift = int(generator.integers(self._size))
        if shuffle and part.documents > 1:
            step = -(-part.documents // _MOST_UNITS)
            bounds = np.append(part.offsets[:-1:step], part.offsets[-1]).astype(np.int64)
            order = epoch_order(len(bounds) - 1, seed, epoch).numpy()
            self._begins = bounds[:-1][order]
            self._bounds = np.concatenate([[0], np.cumsum(np.diff(bounds)[order])])

    def tokens(self, places: np.ndarray) -> np.ndarray:
        """Return the tokens at positions of the ring; a position beyond its end continues at its start."""
        places = (places + self._shift) % self._size
        if self._begins is not None:
            units = np.searchsorted(self._bounds, places, side="right") - 1
            places = places - self._bounds[units] + self._begins[units]
        return np.asarray(self._tokens[places], dtype=np.int64)


def _batch(tokens: np.ndarray, continues: bool) -> TextBatch:
    """Return a batch of tokens (B, T + 1); the character counts are added on the device."""
    inputs, targets = (torch.from_numpy(part.copy()) for part in (tokens[:, :-1], tokens[:, 1:]))
    return TextBatch(inputs, targets, torch.empty(0), continues)
