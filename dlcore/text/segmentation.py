"""Text cut into words exactly as jieba 0.42 cuts it, all runs of a text side by side.

Shapes: N characters of a text, M words.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from dlcore.text.best_words import best_words
from dlcore.text.dictionary import Dictionary, quiet_jieba
from dlcore.text.word_tables import WordTables

FIRST_OTHER = 0x110000  # raw numbers below are characters
_MOST = 0xFFFF  # a sign that is in no word stands for those beyond
_REMEMBERED = 1 << 18  # stretches of single characters whose words by the hidden Markov model are remembered


def _signs(text: str, size: int = 1 << 16) -> np.ndarray:
    table = np.zeros(size, dtype=bool)
    table[[ord(sign) for sign in text]] = True
    return table


_LETTERS = _signs("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_IN_RUNS = _LETTERS | _signs("+#&._%-")
_IN_RUNS[0x4E00 : 0x9FD5 + 1] = True


class Segmenter:
    """Cuts text into words.

    Args:
        dictionary: The words; None cuts into characters.
        hmm: Whether characters that no word of the dictionary joins may be joined by jieba's hidden Markov model.
    """

    def __init__(self, dictionary: Dictionary | None, hmm: bool = False) -> None:
        self.dictionary, self.hmm = dictionary, hmm
        self._joined: dict[str, list[str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"dictionary": self.dictionary, "hmm": self.hmm, "_joined": {}}

    @cached_property
    def tables(self) -> WordTables:
        """The dictionary as arrays."""
        return WordTables.of(self.dictionary)  # type: ignore[arg-type]

    def prepare(self) -> None:
        """Make what cutting needs."""
        if self.dictionary is not None:
            _ = self.tables

    @property
    def first_other(self) -> int:
        """The first of the raw numbers that stand for words of a text alone; from `FIRST_OTHER` on nodes do."""
        return FIRST_OTHER + (0 if self.dictionary is None else len(self.tables.weights))

    def known(self, number: int) -> str:
        """The word of a raw number below `first_other`."""
        return chr(number) if number < FIRST_OTHER else self.tables.text(number - FIRST_OTHER)

    def cut(self, text: str) -> list[str]:
        """The words of a normalised text; joined they are the text."""
        if self.dictionary is None or len(text) < 2:
            return list(text)
        starts = self._starts(text)[0]
        return [text[start:end] for start, end in pairwise([*starts.tolist(), len(text)])]

    def raw(self, text: str) -> tuple[np.ndarray, list[str]]:
        """The words as numbers, and words that have no number of their own.

        Args:
            text: Normalised text.

        Returns:
            The numbers (M,), uint32: a character's code, `FIRST_OTHER` plus a word's node in the tables, or
            `first_other` plus a word's place in the list; and that list.
        """
        codes = _codes(text)
        if self.dictionary is None or len(text) < 2:
            return codes, []
        starts, nodes = self._starts(text)
        numbers = codes[starts]
        lengths = np.diff(starts, append=len(text))
        long = lengths > 1
        numbers[long] = nodes[starts[long]] + FIRST_OTHER
        others: dict[str, int] = {}
        first = self.first_other
        for place in np.flatnonzero(long & (nodes[starts] < 0)).tolist():
            word = text[starts[place] : starts[place] + lengths[place]]
            numbers[place] = first + others.setdefault(word, len(others))
        return numbers, list(others)

    def _starts(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Where words begin (M,), ascending; and the node of the word at each place (N,), -1 where it has none."""
        codes = _codes(text)
        begins, ends = _runs(codes)
        lengths, nodes = best_words(codes, begins, ends, self.tables)
        is_start = np.ones(len(codes), dtype=bool)
        is_start[_places(begins, ends)] = False
        at, stop = begins, ends
        while len(at):  # all runs side by side, from word to word
            is_start[at] = True
            at = at + lengths[at]
            inside = at < stop
            at, stop = at[inside], stop[inside]
        starts = np.flatnonzero(is_start)
        single = np.diff(starts, append=len(codes)) == 1
        if self.hmm:
            starts = self._join(text, codes, starts, single, nodes)
        else:  # letters and digits that are in no longer word are joined
            letters = single & _LETTERS[np.minimum(codes[starts], _MOST)]
            joined = letters[1:] & letters[:-1]
            nodes[starts[:-1][joined]] = -1
            starts = starts[np.concatenate([[True], ~joined])]
        return starts, nodes

    def _join(
        self, text: str, codes: np.ndarray, starts: np.ndarray, single: np.ndarray, nodes: np.ndarray
    ) -> np.ndarray:
        """Where words begin once stretches of single characters were joined by the hidden Markov model."""
        alone = np.zeros(len(text) + 2, dtype=np.int8)
        alone[starts[single] + 1] = _IN_RUNS[np.minimum(codes[starts[single]], _MOST)]
        change = np.diff(alone)
        begins, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
        long = ends - begins > 1
        more: list[int] = []
        for begin, end in zip(begins[long].tolist(), ends[long].tolist(), strict=True):
            place = begin
            for word in self._words_of(text[begin:end]):
                more.append(place)
                place += len(word)
        is_start = np.zeros(len(text), dtype=bool)
        is_start[starts] = True
        inside = _places(begins[long], ends[long])
        is_start[inside] = False
        nodes[inside] = -1
        is_start[more] = True
        return np.flatnonzero(is_start)

    def _words_of(self, stretch: str) -> list[str]:
        words = self._joined.get(stretch)
        if words is None:
            if self.tables.is_word(stretch):
                words = list(stretch)
            else:
                split = self.tables.force_split
                found = quiet_jieba().finalseg.cut(stretch)
                words = [part for word in found for part in (word if word in split else [word])]
            if len(self._joined) < _REMEMBERED:
                self._joined[stretch] = words
        return words


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _runs(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Begins and ends of the runs of characters that words are made of."""
    inside = np.zeros(len(codes) + 2, dtype=np.int8)
    inside[1:-1] = _IN_RUNS[np.minimum(codes, _MOST)]
    change = np.diff(inside)
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def _places(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """All places from each begin to its end."""
    sizes = ends - begins
    before = np.cumsum(sizes) - sizes
    return np.repeat(begins - before, sizes) + np.arange(int(sizes.sum()))
