"""How varied a text is, and how much of it is copied from another one.

Reference: Li, Galley, Brockett, Gao, Dolan (2016), "A diversity-promoting objective function for neural conversation
models" (distinct-n), arXiv:1510.03055.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_FACTOR = 0x9E3779B97F4A7C15  # odd, so that its powers modulo 2 to the 64 are never 0
_BETWEEN = "\x00", "\x01"  # documents, of the one text and of the other: no span across two of them is common


@dataclass(frozen=True)
class TextStatistics:
    """Figures of some documents.

    Attributes:
        characters: Number of characters, line breaks included.
        copied: The longest span that is also in the training text.
        distinct: Distinct-1, distinct-2 and distinct-3, each in [0, 1]; see `distinct`.
    """

    characters: int
    copied: str
    distinct: tuple[float, float, float]


def text_statistics(documents: Sequence[str], training: str) -> TextStatistics:
    """Return the figures of documents.

    Args:
        documents: Generated or held-out documents.
        training: The documents of the training text, joined by `joined`.
    """
    distinct_1, distinct_2, distinct_3 = (distinct(documents, n) for n in (1, 2, 3))
    characters = sum(map(len, documents))
    return TextStatistics(characters, longest_copy(documents, training), (distinct_1, distinct_2, distinct_3))


def distinct(documents: Sequence[str], n: int) -> float:
    """Return the fraction of distinct n-grams of characters among all, within documents, without line breaks.

    Args:
        documents: The documents.
        n: Characters of an n-gram, at least 1.

    Returns:
        A share in [0, 1]: low for a text that repeats itself; 0 without any n-gram. A longer text has a lower one, so
        compare texts of equal length.
    """
    lines = [document.replace("\n", "") for document in documents]
    ngrams = [line[start : start + n] for line in lines for start in range(len(line) - n + 1)]
    return len(set(ngrams)) / max(1, len(ngrams))


def joined(documents: Sequence[str]) -> str:
    """Return the training documents as one text, for `longest_copy`."""
    return _BETWEEN[0].join(documents)


def longest_copy(documents: Sequence[str], training: str) -> str:
    """Return the longest span of characters, including line breaks, that a document shares with a training document.

    Args:
        documents: The documents; no span goes across two of them.
        training: The training documents, joined by `joined`.

    Returns:
        The span; of several the first in order; empty if they have no character in common.
    """
    text = _BETWEEN[1].join(documents)
    powers = np.cumprod(np.full(max(len(text), len(training), 1), _FACTOR, dtype=np.uint64))
    ours, theirs = _sums(text, powers), _sums(training, powers)
    low, high = 0, max(map(len, documents), default=0)
    starts = np.empty(0, dtype=np.int64)
    while low < high:  # binary search: a copied span contains copied spans of all smaller lengths
        length = (low + high + 1) // 2
        found = _common(_spans(ours, length, powers), _spans(theirs, length, powers))
        if len(found):
            low, starts = length, found
        else:
            high = length - 1
    spans = {text[start : start + low] for start in starts}
    return min((span for span in spans if span in training), default="")


def _sums(text: str, powers: np.ndarray) -> np.ndarray:
    """Return the sums of a text's characters, each times the power of its place, modulo 2 to the 64 (N + 1,)."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    return np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(codes * powers[: len(codes)])])


def _spans(sums: np.ndarray, length: int, powers: np.ndarray) -> np.ndarray:
    """Return a hash of each span of `length` characters: equal spans have equal ones."""
    count = max(len(sums) - length, 0)
    spans: np.ndarray = (sums[length:] - sums[:count]) * powers[::-1][:count]
    return spans


def _common(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return the places of those of our hashes that are among theirs, which may be far more."""
    if not len(ours):
        return np.empty(0, dtype=np.int64)
    known = np.sort(ours)
    places = np.searchsorted(known, theirs).clip(max=len(known) - 1)
    return np.flatnonzero(np.isin(ours, theirs[known[places] == theirs]))
