"""Segment text exactly as jieba 0.42 does, all runs of a text in parallel.

Shapes: N characters of a text, M words.
"""

from __future__ import annotations

import re
import string
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from dlcore.text.dictionary import Dictionary
from dlcore.text.viterbi import best_words, word_ends
from dlcore.text.word_tables import WordTables

FIRST_OTHER = 0x110000  # raw ids below are characters
_MOST = 0xFFFF  # a character in no word, which represents those beyond
_NUMBER = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")


class _Signs(NamedTuple):
    """Tables of characters (65536,), bool: letters and digits, characters of runs, Chinese characters."""

    letters: np.ndarray
    in_runs: np.ndarray
    chinese: np.ndarray


@cache
def _signs() -> _Signs:
    letters, others, chinese = (np.zeros(_MOST + 1, dtype=bool) for _ in range(3))
    letters[[ord(sign) for sign in string.ascii_letters + string.digits]] = True
    others[[ord(sign) for sign in "+#&._%-"]] = True
    chinese[0x4E00 : 0x9FD5 + 1] = True
    return _Signs(letters, letters | others | chinese, chinese)


class Segmenter:
    """Cuts text into words of a dictionary; without one, into characters.

    With hmm, jieba's hidden Markov model may join characters that are in no word of the dictionary.
    """

    def __init__(self, dictionary: Dictionary | None, hmm: bool = False) -> None:
        self.dictionary, self.hmm = dictionary, hmm

    def __getstate__(self) -> dict[str, Any]:
        return {"dictionary": self.dictionary, "hmm": self.hmm}

    @cached_property
    def tables(self) -> WordTables:
        """The dictionary as arrays."""
        return WordTables.of(cast(Dictionary, self.dictionary))

    def prepare(self) -> None:
        """Build the tables."""
        if self.dictionary is not None:
            _ = self.tables

    @property
    def first_other(self) -> int:
        """The first raw id of words without a node; ids from `FIRST_OTHER` up to it are nodes."""
        return FIRST_OTHER + (0 if self.dictionary is None else len(self.tables.weights))

    def known(self, number: int) -> str:
        """Return the word of a raw id below `first_other`."""
        return chr(number) if number < FIRST_OTHER else self.tables.text(number - FIRST_OTHER)

    def cut(self, text: str) -> list[str]:
        """Return the words of a normalised text; joined they are the text."""
        if self.dictionary is None or len(text) < 2:
            return list(text)
        starts = self._starts(text)[0]
        return [text[start:end] for start, end in pairwise([*starts.tolist(), len(text)])]

    def raw(self, text: str) -> tuple[np.ndarray, list[str]]:
        """Return the words of a normalised text as raw ids (M,), uint32, and the list of those without an id.

        A raw id is a character's code, `FIRST_OTHER` plus a word's node in the tables, or `first_other` plus a word's
        index in the list.
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
        """Return the starts of words (M,), ascending, and the node of the word at each position (N,), or -1."""
        codes = _codes(text)
        begins, ends = _stretches(_signs_in(codes, _signs().in_runs))
        lengths, nodes = best_words(codes, begins, ends, self.tables)
        is_start = np.ones(len(codes), dtype=bool)
        is_start[_places(begins, ends)] = False
        at, stop = begins, ends
        while len(at):  # all runs in parallel, word by word
            is_start[at] = True
            at = at + lengths[at]
            inside = at < stop
            at, stop = at[inside], stop[inside]
        starts = np.flatnonzero(is_start)
        single = np.diff(starts, append=len(codes)) == 1
        if self.hmm:
            starts = self._join(text, codes, starts, single, nodes)
        else:  # join letters and digits that are in no longer word
            letters = single & _signs_in(codes[starts], _signs().letters)
            joined = letters[1:] & letters[:-1]
            starts = starts[np.concatenate([[True], ~joined])]
        return starts, nodes

    def _join(
        self, text: str, codes: np.ndarray, starts: np.ndarray, single: np.ndarray, nodes: np.ndarray
    ) -> np.ndarray:
        """Return the starts of words after the hidden Markov model joined stretches of single characters."""
        alone = np.zeros(len(codes), dtype=bool)
        alone[starts[single]] = _signs_in(codes[starts[single]], _signs().in_runs)
        begins, ends = _stretches(alone)
        joins = (ends - begins > 1) & ~self.tables.are_words(codes, begins, ends)
        begins, ends = begins[joins], ends[joins]
        inside = _places(begins, ends)
        nodes[inside] = -1
        alone[:] = False
        alone[inside] = True
        chinese = alone & _signs_in(codes, _signs().chinese)
        is_start = np.zeros(len(codes) + 1, dtype=bool)
        is_start[starts] = True
        of_chinese = _stretches(chinese)
        is_start[_places(*of_chinese)] = False
        is_start[of_chinese[0]] = True
        is_start[np.flatnonzero(word_ends(codes, *of_chinese)) + 1] = True
        for begin, end in zip(*map(np.ndarray.tolist, _stretches(alone & ~chinese)), strict=True):
            place = begin
            is_start[begin:end] = False
            for piece in _pieces_of(text[begin:end]):
                is_start[place] = True
                place += len(piece)
        joined = np.flatnonzero(is_start[:-1])
        if self.tables.force_split:
            split = set(self.tables.force_split)
            for start, end in pairwise([*joined.tolist(), len(text)]):
                if alone[start] and text[start:end] in split:
                    is_start[start:end] = True
            joined = np.flatnonzero(is_start[:-1])
        return joined


@lru_cache(1 << 16)
def _pieces_of(stretch: str) -> list[str]:
    """Split letters, digits and signs by the model's own rule: 3.5% is one word."""
    return [piece for piece in _NUMBER.split(stretch) if piece]


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _signs_in(codes: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return which characters are in a table."""
    return np.asarray(table[np.minimum(codes, _MOST)])


def _stretches(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of the stretches of chosen positions."""
    change = np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def _places(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return all positions from each start to its end."""
    sizes = ends - begins
    before = np.cumsum(sizes) - sizes
    return np.repeat(begins - before, sizes) + np.arange(int(sizes.sum()))
