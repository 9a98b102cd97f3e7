"""A corpus as token ids on disk, memory-mapped: built once, found again by a hash of its inputs.

A folder holds, for each part (train, val, test), the tokens of its documents, each followed by END (``train.tokens``,
uint16 or uint32), and the start of each document (``train.offsets``, uint64), with the vocabulary and facts of the
corpus (``meta.json``). It appears whole, under a name that is a hash of all that it depends on.

Held-out documents are spread evenly over the corpus, to be like the others.

Shapes: N tokens of a part, ends included; D its documents.
"""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.cache import is_whole
from dlcore.errors import ArgumentError

TRAIN, VAL, TEST = 0, 1, 2
NAMES = ("train", "val", "test")
_SLICE = 1 << 20  # tokens counted at a time


def part_of_each(count: int, val_size: float, test_size: float) -> np.ndarray:
    """Return the part of each of D documents (D,), uint8: `TRAIN`, `VAL` or `TEST`.

    A size below 1 is a share of the documents (for the validation: of those that do not test), from 1 on a number. With
    a test size of 0.05, documents 19, 39, … test; the same rule chooses the validation documents from the rest. If no
    training document is left, it is an `ArgumentError`.
    """
    parts = np.full(count, TRAIN, dtype=np.uint8)
    for argument, size, part in (("test_size", test_size, TEST), ("val_size", val_size, VAL)):
        left = np.flatnonzero(parts == TRAIN)
        parts[left[_spread(argument, size, len(left))]] = part
    return parts


def _spread(argument: str, size: float, count: int) -> np.ndarray:
    """Return which of `count` are held out: of a share 1/20 the last of each 20."""
    if not (0 <= size < 1 or (float(size).is_integer() and size >= 1)):
        raise ArgumentError(argument, "a share from 0 up to 1, or a whole number of documents", size)
    share = Fraction(str(size)) if size < 1 else Fraction(int(size), max(1, count))
    if 0 < size < 1 and count * share < 1:
        share = Fraction(1, max(1, count))  # at least one
    if share >= 1:
        short = "The text is too short to hold some of it out: give more, or --data.val_size 0 --data.test_size 0."
        most = f"at most {max(0, count - 1):,} of {count:,} documents"
        raise ArgumentError(argument, most, size, short if count < 2 else "")
    top, bottom = share.numerator, share.denominator
    numbers = np.arange(count, dtype=np.int64)
    return (numbers + 1) * top // bottom > numbers * top // bottom


@dataclass(frozen=True)
class TokenPart:
    """The documents of one part."""

    tokens: np.ndarray  # their tokens, each document followed by END (N,), mapped
    offsets: np.ndarray  # start of each document, and N (D + 1,), mapped

    def release(self) -> None:
        """Release the memory of pages that were read; they are read from the file again when needed."""
        mapping = getattr(self.tokens, "_mmap", None)
        if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.offsets) - 1

    def document(self, number: int) -> np.ndarray:
        """Return the tokens of one document, without its END."""
        return self.tokens[self.offsets[number] : self.offsets[number + 1] - 1]

    def word_counts(self, vocab_size: int, most: int | None = None) -> np.ndarray:
        """Return how often each word occurs (V,), int64.

        Args:
            vocab_size: Number of words (V).
            most: Count only as many tokens from the beginning; None: all.
        """
        counts = np.zeros(vocab_size, dtype=np.int64)
        for start in range(0, min(len(self), most or len(self)), _SLICE):
            counts += np.bincount(self.tokens[start : start + _SLICE], minlength=vocab_size)
            self.release()
        return counts

    def __len__(self) -> int:
        return len(self.tokens)


class TokenStore:
    """The parts of a corpus in a folder, and facts about it.

    Attributes:
        words: The vocabulary's words, without the special ones.
        meta: ``documents``, ``tokens``, ``characters`` and ``unknown`` of each part, ``unknown_characters``,
            ``pieces`` (whether documents were cut).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        self.words: list[str] = kept.pop("words")
        self.meta: dict[str, Any] = kept

    @classmethod
    def whole(cls, folder: Path) -> TokenStore | None:
        """Return the store in a folder; None if there is none, or it was damaged since it was built."""
        try:
            store = cls(folder)
            return store if is_whole(folder, store.meta["stamps"]) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def part(self, name: str) -> TokenPart:
        """Return one part: ``train``, ``val`` or ``test``."""
        dtype = np.dtype(self.meta["dtype"])
        return TokenPart(
            _mapped(self.folder / f"{name}.tokens", dtype), _mapped(self.folder / f"{name}.offsets", np.dtype("<u8"))
        )

    def parts(self) -> dict[str, TokenPart]:
        """Return all parts by name."""
        return {name: self.part(name) for name in NAMES}


def _mapped(path: Path, dtype: np.dtype) -> np.ndarray:
    if not path.stat().st_size:
        return np.zeros(0, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r")
