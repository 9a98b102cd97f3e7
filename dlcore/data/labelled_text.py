"""Texts with labels, from the user's own tables and folders: what a text classifier learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from dlcore.data.array_data import ArrayData, Split
from dlcore.data.batches import BatchLoader
from dlcore.data.resumable_data import fill_empty_parts, say
from dlcore.data.splits import HoldOut
from dlcore.data.texts.padded_batches import PaddedBatches
from dlcore.data.texts.remarks import check_labels, check_texts, class_indices, describe
from dlcore.data.texts.sources import TextReader, Texts
from dlcore.data.texts.splits import split_texts
from dlcore.data.texts.words import CutTexts, cut_texts, texts_by_tokens
from dlcore.errors import ArgumentError, DataError, UnknownNameError, check_number
from dlcore.text import END, Tokenizer
from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter

_BUILTIN = ("topics",)
_KEPT = ("tokenizer", "classes", "texts")  # in a checkpoint
_OF_WORDS = ("level", "user_dict", "min_freq", "max_words")  # arguments that determine the words


class LabelledText(ArrayData):
    """Texts of classes: reviews and their sentiment, news and their topics, from a table or a folder of class folders.

    Texts are cut into words by jieba, or into characters; blanks are left out. The vocabulary is that of the training
    texts. The checkpoint holds it with the names of the classes, so that other texts are read the same way: with a
    checkpoint, validate, test and predict use all texts of a source other than the one of the training, and predict
    needs no labels. Files are UTF-8 or GB18030, which is detected.

    Args:
        path: A CSV or TSV file, or a spreadsheet (.xlsx), with a row for each text.
        root: A folder with a folder for each class, of text files (.txt), each one text; or with folders train, val and
            test of these. path takes precedence.
        builtin: Texts that need no file: topics (sentences of seven topics, written for dlcore; sentences of a template
            that validates or tests do not train); path and root take precedence.
        text: The column of the texts: its name, or its place (0 the first, -1 the last).
        label: The column of the labels, likewise.
        header: Whether the file's first row names the columns: true, false, or auto, which is true if text or label is
            a name, and must be given if both are places.
        separator: The character between values; tab; auto detects comma, semicolon or tab.
        encoding: Encoding of all files, by Python's name (big5, utf-16, …); left out: UTF-8 or GB18030.
        level: Whether tokens are words (cut by jieba) or characters: word or char.
        user_dict: A file of further words (level word) in UTF-8, one per line: 明月, optionally with a frequency and a
            tag, 明月 5 n.
        min_freq: How often a word must occur in the training texts to be kept; rarer ones are unknown.
        max_words: Most words that are kept, the most frequent; left out: all that occur often enough.
        max_length: Most tokens of a text; what follows is cut off, and how often is printed.
        missing: What happens to rows without a text or a label: error, or drop, which leaves them out.
        val_size: Texts that validate, chosen by split_seed, classes in their shares: below 1 a share, from 1 on a
            number; 0 validates on the test texts, without those on the training texts. Not used with val_path or a
            folder val.
        test_size: Texts that test, chosen likewise before them; 0 tests on the validation texts, without those on the
            training texts. Not used with test_path or a folder test.
        split_seed: Determines the choice of the validation and test texts.
        folds: Cross-validation: one of so many folds tests instead of test_size; 0: none. All in turn: study --folds 5
        fold: The fold that tests, from 0.
        group: A column, by name or place, whose texts of equal value stay in one part or fold (one writer).
        val_path: A file of the form of path, whose texts validate.
        test_path: A file of the form of path, whose texts test.
        batch_size: Texts in a training batch, of each process.
        eval_batch_size: Texts in a batch of validation, test and prediction; it changes speed and memory only.
        drop_last: Leave out an epoch's last batch when it is smaller than the others.

    Shape:
        - Inputs: (B, T), int64, token ids; each row is padded with 1, the end of a document.
        - Targets: (B,), int64, class indices.

    Raises:
        ArgumentError: A value lies outside its range, or there is no such file.
        UnknownNameError: There is no column or built-in set of that name.
        DataError: A file cannot be read, or its texts cannot be learned from.
    """

    def __init__(
        self,
        path: str | None = None,
        root: str | None = None,
        builtin: str | None = None,
        text: int | str = "text",
        label: int | str = "label",
        header: bool | Literal["auto"] = "auto",
        separator: str = "auto",
        encoding: str | None = None,
        level: Literal["word", "char"] = "word",
        user_dict: str | None = None,
        min_freq: int = 2,
        max_words: int | None = None,
        max_length: int = 200,
        missing: Literal["error", "drop"] = "error",
        val_size: float = 0.15,
        test_size: float = 0.15,
        split_seed: int = 0,
        folds: int = 0,
        fold: int = 0,
        group: int | str | None = None,
        val_path: str | None = None,
        test_path: str | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        drop_last: bool = False,
    ) -> None:
        super().__init__(batch_size, eval_batch_size, drop_last)
        for argument, number in (("min_freq", min_freq), ("max_length", max_length), ("max_words", max_words)):
            if number is not None:
                check_number(argument, number, at_least=1, whole=True)
        for argument, choice, allowed in (("level", level, ("word", "char")), ("missing", missing, ("error", "drop"))):
            if choice not in allowed:  # jsonargparse checks the command line only
                raise ArgumentError(argument, " or ".join(allowed), choice)
        if builtin is not None and builtin not in _BUILTIN:
            raise UnknownNameError("built-in set of texts (in data.builtin)", builtin, _BUILTIN)
        if path is None and root is None and builtin is None:
            remedy = "Or --data.root FOLDER, with a folder for each class; or dlcore's own: --data.builtin topics"
            raise ArgumentError("path", "a CSV file with a column of texts and one of labels", None, remedy)
        if level == "char" and user_dict is not None:
            remedy = "Characters are not cut: leave it out (--data.user_dict null), or set --data.level word."
            raise ArgumentError("user_dict", "nothing where level is char", user_dict, remedy)
        if group is not None and path is None:
            raise ArgumentError("group", "nothing without a table of texts (path)", group, "Leave it out.")
        self.path, self.root, self.builtin = path, root, builtin
        self.reader = TextReader(text, label, header, separator, encoding, group)
        self.level, self.user_dict, self.missing = level, user_dict, missing
        self.min_freq, self.max_words, self.max_length = min_freq, max_words, max_length
        self.hold_out = HoldOut(val_size, test_size, split_seed, folds, fold)
        self.val_path, self.test_path = val_path, test_path
        self._own = [name for name, file in self._others().items() if file is not None]
        self.source = path or root or f"built-in {builtin}"
        self.tokenizer: Tokenizer | None = None
        self.class_names: list[str] = []
        self._kept: dict[str, Any] | None = None
        self._read_last: tuple[Split, dict[tuple[int, ...], str]] | None = None  # for `text_of`

    # What is known before and after the texts are read

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Use what a checkpoint holds: words, classes, and which texts they were."""
        if kept and kept.get("tokenizer"):
            self._kept = {"classes": [], "texts": {}, **{name: kept[name] for name in _KEPT if name in kept}}
            self.tokenizer, self.class_names = Tokenizer.from_state(kept["tokenizer"]), list(self._kept["classes"])

    def facts(self) -> dict[str, Any]:
        """Return what a model may ask for; read the texts if no checkpoint holds words and classes."""
        if self.tokenizer is None:
            self.parts = self.load()
        return {
            "vocab_size": len(self.known_tokenizer.vocabulary),
            "num_classes": len(self.class_names),
            "class_names": self.class_names,
            "tasks": ["multiclass"],
            "sample_names": "file" if self.path is None and self.root is not None else "text",
            "source": self.source,
        }

    @property
    def known_tokenizer(self) -> Tokenizer:
        """The tokenizer, once the texts are read or a checkpoint is known."""
        return cast(Tokenizer, self.tokenizer)  # not None once texts are read

    def text_of(self, row: Tensor, part: str = "val") -> str:
        """Return a text of a part that has the token ids of a row (T,); of files its words, unknown ones as □."""
        split = self.parts[part]
        if self._read_last is None or self._read_last[0] is not split:
            of_files = self.facts()["sample_names"] == "file"
            self._read_last = split, {} if of_files else texts_by_tokens(split)
        ids = tuple(row[row != END].tolist())
        return self._read_last[1].get(ids) or self.known_tokenizer.decode(ids)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of `ArrayData`, and all that is needed to read other texts like the training texts."""
        return {**super().state_dict(), **(self._kept or {})}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run, with its words and classes."""
        super().load_state_dict(state)
        if self._kept is None or self._kept["tokenizer"] != state.get("tokenizer"):
            self.expect(None, state)
            self.parts = self.load() if self.parts else {}

    # Reading

    def transform(self, inputs: Tensor) -> Tensor:
        """Return stored token ids (B, T) as int64."""
        return inputs.long()

    def loader(self, part: Split, fetch: Callable[[Tensor], Any], batch_size: int, **options: Any) -> BatchLoader:
        """Return batches that are cut to their longest text."""
        lengths = (part.inputs != END).sum(dim=1).cpu()
        return PaddedBatches(lengths, fetch, part.indices, batch_size, **options)

    def load(self) -> dict[str, Split]:
        """Read and cut the texts; without a checkpoint, make vocabulary and classes from those that train."""
        needed = self.stage != "predict"
        texts = self._read_source(needed)
        if self._kept is None:
            return self._cut(texts, None)
        self._check_words(self._kept["texts"])
        if self._kept["texts"].get("digest") == texts.digest:
            others = {"missing": self.missing, "group": self.reader.group}
            self.hold_out.check(self._kept["texts"], self._own, **others)
            return self._cut(texts, self.known_tokenizer)
        if self.stage == "fit":
            raise DataError(
                f"{self.source}: expected the texts of the training, got texts that were changed since or others: "
                "training and test texts can no longer be told apart. To train on other texts, leave out --ckpt_path."
            )
        whole = self._whole(texts, needed)
        return {"val": whole, "test": whole}

    def _read_source(self, label_needed: bool) -> Texts:
        if self.path is not None:
            return self.reader.table("path", self.path, label_needed)
        if self.root is None:
            return self.reader.builtin(self.builtin or "")
        found = self.reader.folder(self.root, label_needed)
        if (outside := self.reader.outside(self.root)) and any(found.labels):
            say(f"{self.root}: {len(outside):,} files outside the class folders are not read, such as {outside[0]}")
        return found

    def _others(self) -> dict[str, str | None]:
        return {"test": self.test_path, "val": self.val_path}

    def _check_words(self, kept: dict[str, Any]) -> None:
        """Check arguments against the checkpoint's words: a fit refuses others, an evaluation prints a note."""
        for argument in _OF_WORDS:
            value = getattr(self, argument)
            before = kept.get(argument, value)
            if value != before and self.stage == "fit":
                remedy = "The words stay those of the checkpoint; to train with others, leave out --ckpt_path."
                raise ArgumentError(argument, f"{before!r}, as in the run of the checkpoint", value, remedy)
            if value != before:
                say(f"{argument} {value} changes nothing: the words are those of the checkpoint")

    def _cut(self, texts: Texts, tokenizer: Tokenizer | None) -> dict[str, Split]:
        """Return the parts of the run's own texts; without a tokenizer, make it from the training texts."""
        kept = check_texts(texts, self.missing)
        if tokenizer is None:
            self.class_names = check_labels(texts, kept)
        targets = self._targets(texts, kept)
        chosen = split_texts(texts, kept, targets.numpy(), self.hold_out, self._own)
        if tokenizer is None:
            segmenter = Segmenter(None if self.level == "char" else Dictionary.of_files(None, self.user_dict))
        else:
            segmenter = tokenizer.segmenter
        words = cut_texts(texts.texts, segmenter)
        if tokenizer is None:
            trains = np.zeros(len(texts.texts), dtype=bool)
            trains[chosen["train"]] = True
            tokenizer = Tokenizer(words.vocabulary(trains, self.min_freq, self.max_words), segmenter, split=False)
            self.tokenizer = tokenizer
            held_out = {**self.hold_out.state(self._own), "missing": self.missing, "group": self.reader.group}
            state = {"digest": texts.digest, **held_out, **{name: getattr(self, name) for name in _OF_WORDS}}
            self._kept = {"tokenizer": tokenizer.state(), "classes": self.class_names, "texts": state}
        inputs = self._rows(words, texts.where)
        parts = {name: Split(inputs, targets, torch.from_numpy(rows), texts.shown) for name, rows in chosen.items()}
        for name, path in self._others().items():
            if path is not None:
                needed = name == "val" or self.stage != "predict"
                parts[name] = self._whole(self.reader.table(f"{name}_path", path, needed), needed)
        for note in describe(texts, parts, words, tokenizer.vocabulary, self.class_names):
            say(note)
        return fill_empty_parts(parts)

    def _whole(self, texts: Texts, needed: bool) -> Split:
        """Return a part with all texts of a further source, in the known words."""
        kept = check_texts(texts, self.missing, needed)
        words = cut_texts(texts.texts, self.known_tokenizer.segmenter)
        inputs, targets = self._rows(words, texts.where), self._targets(texts, kept, needed)
        return Split(inputs, targets, torch.from_numpy(kept), texts.shown)

    def _targets(self, texts: Texts, kept: np.ndarray, needed: bool = True) -> Tensor:
        codes, note = class_indices(texts, kept, self.class_names, needed)
        if note:
            say(note)
        return torch.from_numpy(codes)

    def _rows(self, words: CutTexts, where: str) -> Tensor:
        inputs, lengths = words.rows(self.known_tokenizer.vocabulary, self.max_length)
        longer = int((words.lengths > self.max_length).sum())
        if longer:
            say(
                f"{where}: {longer:,} of {len(lengths):,} texts ({longer / len(lengths):.1%}) are longer than "
                f"max_length, {self.max_length:,}, and cut off; the longest has {words.lengths.max():,} tokens"
            )
        return inputs
