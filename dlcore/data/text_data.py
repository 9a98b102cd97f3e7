"""Base of data modules of text: rows of tokens, cut into batches; character counts are added on the device.

Shapes: B rows of a process, T tokens of a row in a batch.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, cast

import numpy as np
import torch

from dlcore.data.resumable_data import ResumableData, refuse_form
from dlcore.data.token_streams import TextLoader, TrainStreams, TrainWindows, WholeDocuments
from dlcore.errors import ArgumentError, check_number
from dlcore.text import NO_TARGET, TextBatch, Tokenizer
from dlcore.text.bigram_loss import bigram_loss
from dlcore.text.token_store import TokenPart

_COUNTED, _PAIRS = 1 << 24, 1 << 22  # tokens: of single ones, of pairs


class TextData(ResumableData):
    """Base of data modules of text. A subclass implements `load`, which fills `parts` and `tokenizer`.

    Args:
        batch_size: Rows of a training batch, of each process.
        sequence_length: Tokens of a row in a batch.
        windows: Whether training rows are random windows; else streams that continue from batch to batch.
        shuffle_documents: Whether documents are shuffled each epoch.
        eval_batch_size: Rows of a batch of validation and test, of all processes together.
        drop_last: Leave out an epoch's last batch when it has fewer tokens than the others.

    Attributes:
        tokenizer: Tokenizes text like the training text.
        in_pieces: Whether documents were cut into pieces, which must keep their order.
    """

    parts: dict[str, TokenPart]

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
        sizes = {"batch_size": batch_size, "sequence_length": sequence_length, "eval_batch_size": eval_batch_size}
        for argument, number in sizes.items():
            check_number(argument, number, at_least=1, whole=True)
        self.batch_size, self.sequence_length, self.eval_batch_size = batch_size, sequence_length, eval_batch_size
        self.windows, self.shuffle_documents, self.drop_last = windows, shuffle_documents, drop_last
        self.tokenizer: Tokenizer | None = None
        self.in_pieces = False
        self._characters = torch.empty(0)  # characters of each word of `_counted`
        self._counted: Tokenizer | None = None

    @abstractmethod
    def load(self) -> None:
        """Read the text: fill `parts` and `tokenizer`."""

    def read(self) -> None:
        """Fill `parts`, unless that is done."""
        if not self.parts:
            self.load()

    @property
    def known_tokenizer(self) -> Tokenizer:
        """The tokenizer; the text is read first if necessary."""
        if self.tokenizer is None:
            self.load()
        return cast(Tokenizer, self.tokenizer)

    @property
    def unigram_entropy(self) -> float:
        """Entropy of the training text's word frequencies, in nats: the loss of a model that only counts words.

        Of a text above 16 million words, its beginning is counted.
        """
        self.read()
        counts = self.parts["train"].word_counts(len(self.known_tokenizer.vocabulary), _COUNTED)
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum())

    @property
    def bigram_loss(self) -> float:
        """Loss of the validation text by counts of pairs of words in the training text, nats per token.

        A model that counts which word follows which attains it. Of each text, the first 4 million tokens are used.
        """
        self.read()
        training, held_out = (self.parts[name].tokens[:_PAIRS] for name in ("train", "val"))
        found = bigram_loss(training, held_out, len(self.known_tokenizer.vocabulary))
        self.parts["train"].release()
        return found

    # Batches

    def train_dataloader(self) -> TextLoader:
        """Return training batches, starting at the position of a resumed run."""
        world_size = self.process["world_size"]
        rows, options = self.batch_size * world_size, self.training_order
        if not self.windows:
            options |= {"shuffle": self._shuffles, "drop_last": self.drop_last}
        loader = self._loader(TrainWindows if self.windows else TrainStreams, "train", rows, **options)
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

    def _loader(self, kind: type[TextLoader], part: str, rows: int, **options: Any) -> TextLoader:
        self.read()
        return kind(self.parts[part], rows, self.sequence_length, **self.process, **options)

    @property
    def _shuffles(self) -> bool:
        return self.shuffle_documents and not self.in_pieces and not self.windows

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Add the number of characters of each target, on the device where the batch is used."""
        if not isinstance(batch, TextBatch):
            return batch
        tokenizer = self.known_tokenizer
        # A checkpoint may have replaced the vocabulary since the last batch.
        if self._counted is not tokenizer or self._characters.device != batch.targets.device:
            counts = tokenizer.vocabulary.characters(tokenizer.unknown_characters)
            self._characters, self._counted = torch.tensor(counts, device=batch.targets.device), tokenizer
        known = batch.targets != NO_TARGET
        characters = torch.where(known, self._characters[batch.targets.clamp_min(0)], 0.0)
        return batch._replace(characters=characters)

    # Checkpoint state

    def batch_form(self) -> dict[str, Any]:
        """Return what determines the text of a batch, apart from the seed; batch_size: of all processes together."""
        form = {
            "batch_size": self.batch_size * self.process["world_size"],
            "sequence_length": self.sequence_length,
            "windows": self.windows,
            "shuffle_documents": self._shuffles,
        }
        return {"form_of_a_batch": form}

    def check_batch_form(self, before: dict[str, Any]) -> None:
        """Check the form of batches and the order of the text against those of a run that stopped within an epoch."""
        for argument, value in self.batch_form()["form_of_a_batch"].items():
            kept = before["form_of_a_batch"][argument]
            if value != kept:
                unit = " rows in all processes together" if argument == "batch_size" else ""
                raise refuse_form(argument, f"{kept}{unit}", value)
