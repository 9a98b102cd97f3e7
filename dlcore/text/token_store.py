"""A corpus as numbers on disk, mapped into memory: made once, found again by what it was made from.

A folder holds, for each part (train, val, test), the tokens of its documents, each followed by END (``train.tokens``,
uint16 or uint32), and where each document begins (``train.offsets``, uint64), with the vocabulary and what is known of
the corpus (``meta.json``). It appears whole, under a name that is a hash of all it depends on.

Shapes: N tokens of a part, ends included; D its documents.
"""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.cache import is_whole
from dlcore.text.parts import NAMES


@dataclass(frozen=True)
class TokenPart:
    """The documents of one use.

    Attributes:
        tokens: Their tokens, each document followed by END (N,), mapped.
        offsets: Where each begins, and N (D + 1,), mapped.
    """

    tokens: np.ndarray
    offsets: np.ndarray

    def release(self) -> None:
        """Let go of the memory of what was read; it is read from the file again when it is asked for."""
        mapping = getattr(self.tokens, "_mmap", None)
        if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)

    @property
    def documents(self) -> int:
        """How many documents it has."""
        return len(self.offsets) - 1

    def document(self, number: int) -> np.ndarray:
        """The tokens of one document, without its end."""
        return self.tokens[self.offsets[number] : self.offsets[number + 1] - 1]

    def __len__(self) -> int:
        return len(self.tokens)


class TokenStore:
    """The parts of a corpus, and what is known of it.

    Args:
        folder: Where it lies.

    Attributes:
        words: The vocabulary's words, without the special ones.
        meta: What was written of the corpus: ``documents``, ``tokens``, ``characters`` and ``unknown`` of each part,
            ``unknown_characters``, ``pieces`` (whether documents were cut).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        self.words: list[str] = kept.pop("words")
        self.meta: dict[str, Any] = kept

    @classmethod
    def whole(cls, folder: Path) -> TokenStore | None:
        """The store in a folder; None where there is none, or one that was damaged since it was made."""
        try:
            store = cls(folder)
            return store if is_whole(folder, store.meta["stamps"]) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def part(self, name: str) -> TokenPart:
        """One part: ``train``, ``val`` or ``test``."""
        dtype = np.dtype(self.meta["dtype"])
        return TokenPart(
            _mapped(self.folder / f"{name}.tokens", dtype), _mapped(self.folder / f"{name}.offsets", np.dtype("<u8"))
        )

    def parts(self) -> dict[str, TokenPart]:
        """All parts by name."""
        return {name: self.part(name) for name in NAMES}


def _mapped(path: Path, dtype: np.dtype) -> np.ndarray:
    if not path.stat().st_size:
        return np.zeros(0, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r")
