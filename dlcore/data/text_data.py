"""Base of data modules of text: rows of tokens, cut into batches; character counts are added on the device.

Shapes: B rows of a process, T tokens of a row in a batch.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningDataModule

from dlcore.data.token_streams import TextLoader, TrainStreams, TrainWindows, WholeDocuments
from dlcore.data.trainer_position import place_in_run, stands_within_epoch
from dlcore.errors import ArgumentError, check_number
from dlcore.text import NO_TARGET, TextBatch, Tokenizer
from dlcore.text.token_store import TokenPart


class TextData(LightningDataModule):
    """Base of data modules of text. A subclass implements `load`, which fills `parts` and `tokenizer`.

    Args:
        batch_size: Rows of a training batch, of each process.
        sequence_length: Tokens of a row in a batch.
        windows: Whether training rows are random windows; else streams that continue from batch to batch.
        shuffle_documents: Whether documents are shuffled each epoch.
        eval_batch_size: Rows of a batch of validation and test, of all processes together.
        drop_last: Leave out an epoch's last batch when it has fewer tokens than the others.

    Attributes:
        parts: ``train``, ``val`` and ``test``, filled by `setup`, or by the first loader.
        tokenizer: Tokenizes text like the training text.
        in_pieces: Whether documents were cut into pieces, which must keep their order.
    """

    def __init__(
        self,
        batch_size: int,
        sequence_length: int,
        windows: bool,
        shuffle_documents: bool,
        eval_batch_size: int,
        drop_last: bool,
    ) -> None:
        super().__init__()
        for argument, number in (
            ("batch_size", batch_size),
            ("sequence_length", sequence_length),
            ("eval_batch_size", eval_batch_size),
        ):
            check_number(argument, number, at_least=1, whole=True)
        self.batch_size, self.sequence_length, self.eval_batch_size = batch_size, sequence_length, eval_batch_size
        self.windows, self.shuffle_documents, self.drop_last = windows, shuffle_documents, drop_last
        self.parts: dict[str, TokenPart] = {}
        self.tokenizer: Tokenizer | None = None
        self.in_pieces = False
        # The run's seed determines the order of an epoch. All processes use the same one (see `setup`).
        self.order_seed = torch.initial_seed() % 2**31
        self._characters = torch.empty(0)  # characters of each word of `_counted`
        self._counted: Tokenizer | None = None

    @abstractmethod
    def load(self) -> None:
        """Read the text: fill `parts` and `tokenizer`."""

    def setup(self, stage: str | None = None) -> None:
        """Read the text for a fit. Other stages read in the first loader, when a checkpoint's vocabulary is known."""
        if stage in (None, "fit") and not self.parts:
            self.load()
        if self.trainer is not None and self.trainer.world_size > 1:
            self.order_seed = self.trainer.strategy.broadcast(self.order_seed)

    # Batches

    def train_dataloader(self) -> TextLoader:
        """Return training batches, starting at the position of a resumed run."""
        world_size = 1 if self.trainer is None else self.trainer.world_size
        rows = self.batch_size * world_size
        position = None if self.trainer is None else partial(place_in_run, self.trainer)
        seed: int | None = self.order_seed
        if self.trainer is not None and self.trainer.overfit_batches > 0:  # type: ignore[attr-defined]
            seed = None  # the same few batches in every epoch
        loader: TextLoader
        if self.windows:
            loader = self._loader(TrainWindows, "train", rows, seed=seed, position=position)
        else:
            shuffle = self.shuffle_documents and not self.in_pieces
            loader = self._loader(
                TrainStreams, "train", rows, seed=seed, shuffle=shuffle, drop_last=self.drop_last, position=position
            )
        if not len(loader):
            tokens = len(self.parts["train"])
            raise ArgumentError(
                "batch_size",
                f"a batch that {tokens:,} training tokens can fill (processes: {world_size:,}, sequence_length: "
                f"{self.sequence_length:,})",
                self.batch_size,
                "Use a smaller batch_size.",
            )
        return loader

    def val_dataloader(self) -> TextLoader:
        """Return validation batches: whole documents."""
        return self._loader(WholeDocuments, "val", self.eval_batch_size)

    def test_dataloader(self) -> TextLoader:
        """Return test batches: whole documents."""
        return self._loader(WholeDocuments, "test", self.eval_batch_size)

    def predict_dataloader(self) -> TextLoader:
        """Return the test documents."""
        return self.test_dataloader()

    def _loader(self, kind: type[TextLoader], part: str, rows: int, **options: Any) -> TextLoader:
        if not self.parts:
            self.load()
        rank, world_size = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        return kind(self.parts[part], rows, self.sequence_length, rank=rank, world_size=world_size, **options)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Add the number of characters of each target, on the device where the batch is used."""
        if not isinstance(batch, TextBatch):
            return batch
        tokenizer: Tokenizer = self.tokenizer  # type: ignore[assignment]
        # A checkpoint may have replaced the vocabulary since the last batch.
        if self._counted is not tokenizer or self._characters.device != batch.targets.device:
            counts = tokenizer.vocabulary.characters(tokenizer.unknown_characters)
            self._characters, self._counted = torch.tensor(counts, device=batch.targets.device), tokenizer
        known = batch.targets != NO_TARGET
        characters = torch.where(known, self._characters[batch.targets.clamp_min(0)], 0.0)
        return batch._replace(characters=characters)

    # Checkpoint state

    def state_dict(self) -> dict[str, Any]:
        """Return the seed of the order: with the trainer's counters it determines the position of every token."""
        return {
            "order_seed": self.order_seed,
            "form_of_a_batch": self._form(),
            "within_epoch": stands_within_epoch(self.trainer),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run.

        Raises:
            ArgumentError: The run stopped within an epoch, and its batches had another form or their text another
                order: the position would be lost.
        """
        self.order_seed = state["order_seed"]
        if self.trainer is None or self.trainer.state.fn != "fit" or not state["within_epoch"]:
            return
        before, now = state["form_of_a_batch"], self._form()
        for argument, value in now.items():
            if value != before[argument]:
                unit = " rows in all processes together" if argument == "batch_size" else ""
                raise ArgumentError(
                    argument,
                    f"{before[argument]}{unit}, as the run had that goes on within an epoch",
                    value,
                    "Choose another at the end of an epoch.",
                )

    def _form(self) -> dict[str, int | bool]:
        """Return what determines the text of a batch, apart from the seed; batch_size: of all processes together."""
        return {
            "batch_size": self.batch_size * (1 if self.trainer is None else self.trainer.world_size),
            "sequence_length": self.sequence_length,
            "windows": self.windows,
            "shuffle_documents": self.shuffle_documents and not self.in_pieces and not self.windows,
        }
