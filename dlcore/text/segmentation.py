"""Text cut into words, as jieba cuts it."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcore.text.dictionary import Dictionary, quiet_jieba

FIRST_OTHER = 0x110000  # raw numbers below are characters


class Segmenter:
    """Cuts text into words.

    Args:
        dictionary: The words; None cuts into characters.
        hmm: Whether characters that no word of the dictionary joins may be joined by jieba's hidden Markov model.
    """

    def __init__(self, dictionary: Dictionary | None, hmm: bool = False) -> None:
        self.dictionary, self.hmm = dictionary, hmm
        self._jieba: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_jieba": None}

    def prepare(self) -> None:
        """Make what cutting needs."""
        if self._jieba is None and self.dictionary is not None:
            self._jieba = quiet_jieba().Tokenizer()
            self._jieba.FREQ, self._jieba.total, _ = self.dictionary.read()
            self._jieba.initialized = True

    def cut(self, text: str) -> list[str]:
        """The words of a normalised text; joined they are the text."""
        if self.dictionary is None:
            return list(text)
        self.prepare()
        return self._jieba.lcut(text, HMM=self.hmm)

    @property
    def first_other(self) -> int:
        """The first number of words that have none of their own."""
        return FIRST_OTHER

    def known(self) -> list[str]:
        """The words with numbers from `FIRST_OTHER` to `first_other`, in order."""
        return []

    def raw(self, text: str) -> tuple[np.ndarray, list[str]]:
        """The words as numbers (N,), uint32: a character's code, or `FIRST_OTHER` and its place in the list of others.

        Args:
            text: Normalised text.
        """
        if self.dictionary is None:
            return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32), []
        others: dict[str, int] = {}
        numbers = [
            ord(word) if len(word) == 1 else others.setdefault(word, FIRST_OTHER + len(others))
            for word in self.cut(text)
        ]
        return np.array(numbers, dtype=np.uint32), list(others)
