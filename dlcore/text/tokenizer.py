"""Convert text to token ids and back, with the vocabulary and segmentation of the training text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlcore.text.dictionary import Dictionary
from dlcore.text.normalization import normalize
from dlcore.text.segmentation import Segmenter
from dlcore.text.vocabulary import UNKNOWN, Vocabulary


class Tokenizer:
    """Cuts text into the words of a vocabulary.

    Args:
        vocabulary: The words.
        segmenter: Cuts text into words.
        split: Whether words outside the vocabulary are split into their characters; else they are unknown.
        unknown_characters: Mean number of characters of an unknown word in the training text.
    """

    def __init__(
        self, vocabulary: Vocabulary, segmenter: Segmenter, split: bool = True, unknown_characters: float = 1.0
    ) -> None:
        self.vocabulary, self.segmenter = vocabulary, segmenter
        self.split, self.unknown_characters = split, unknown_characters

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without END.

        A text that is a word of the vocabulary stays one: out of its context it might be segmented differently.
        """
        text = normalize(text)
        if text in self.vocabulary:
            return [self.vocabulary.id(text)]
        numbers = []
        for word in self.segmenter.cut(text):
            if word in self.vocabulary or not self.split:
                numbers.append(self.vocabulary.id(word))
            else:
                numbers += map(self.vocabulary.id, word)
        return numbers

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""
        return self.vocabulary.text(ids)

    def unknown_share(self, ids: Sequence[int]) -> float:
        """Return the share of unknown ids."""
        return sum(number == UNKNOWN for number in ids) / max(1, len(ids))

    def state(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint, from which `from_state` creates the same tokenizer on any machine."""
        dictionary = self.segmenter.dictionary
        return {
            "words": list(self.vocabulary.words[2:]),
            "dictionary": None if dictionary is None else dictionary.state(),
            "hmm": self.segmenter.hmm,
            "split": self.split,
            "unknown_characters": self.unknown_characters,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Tokenizer:
        """Create the object from the result of `state`."""
        kept = state["dictionary"]
        segmenter = Segmenter(None if kept is None else Dictionary.from_state(kept), state["hmm"])
        return cls(Vocabulary(state["words"]), segmenter, state["split"], state["unknown_characters"])
