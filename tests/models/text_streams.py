"""Text for tests: streams of tokens that follow a rule, cut into batches as a corpus of text gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from dlcore.text import NO_TARGET, TextBatch


class StreamLoader:
    """Batches of B streams, T tokens long; the last ones are shorter by `empty` places.

    Args:
        tokens: The text (N,), parted into B streams of equal length.
        rows: Streams (B).
        time: Tokens of a batch in each stream (T).
        data: Whose trainer knows where a resumed run stands; None begins at the first batch.
        empty: Places at the end of the last stream that have no target.
    """

    def __init__(self, tokens: Tensor, rows: int, time: int, data: LightningDataModule | None, empty: int = 0) -> None:
        length = (len(tokens) - 1) // rows
        self.inputs = tokens[: rows * length].view(rows, length)
        self.targets = tokens[1 : rows * length + 1].view(rows, length).clone()
        if empty:
            self.targets[-1, -empty:] = NO_TARGET
        self.time, self.data = time, data

    def __len__(self) -> int:
        return -(-self.inputs.shape[1] // self.time)

    def __iter__(self) -> Iterator[TextBatch]:
        trainer: Any = self.data and self.data.trainer
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready if trainer else 0
        for number in range(done, len(self)):
            piece = slice(number * self.time, (number + 1) * self.time)
            targets = self.targets[:, piece]
            characters = ((targets >= 0) & (targets != 1)).float()
            yield TextBatch(self.inputs[:, piece], targets, characters, continues=number > 0)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the trainer knows the place."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up nothing."""


class Streams(LightningDataModule):
    """Each token follows from the one before it, but for some that are drawn.

    Args:
        rows: Streams of a training batch (B).
        time: Tokens of a batch in each stream (T).
        vocab_size: Number of tokens (V).
        empty: Places at the end of the last validation stream that have no target.
    """

    def __init__(self, rows: int = 4, time: int = 5, vocab_size: int = 7, empty: int = 0) -> None:
        super().__init__()
        self.rows, self.time, self.empty = rows, time, empty
        generator = torch.Generator().manual_seed(0)
        drawn = torch.randint(0, vocab_size, (401,), generator=generator).tolist()
        text = drawn[:1]
        for number in drawn[1:]:
            text.append(number if number % 4 == 0 else (3 * text[-1] + 1) % vocab_size)
        self.tokens = torch.tensor(text)

    def train_dataloader(self) -> StreamLoader:
        """161 tokens: 40 a stream, 8 batches."""
        return StreamLoader(self.tokens[:161], self.rows, self.time, self)

    def val_dataloader(self) -> StreamLoader:
        """240 tokens in 3 streams."""
        return StreamLoader(self.tokens[160:], 3, self.time, None, self.empty)

    def test_dataloader(self) -> StreamLoader:
        """The same."""
        return self.val_dataloader()
