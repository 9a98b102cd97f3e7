"""Text to numbers and back, as one corpus was cut: all that is needed to meet a prompt as the training text was met."""

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
        segmenter: What cuts.
        split: Whether words that are not in the vocabulary fall into their characters; else they are unknown.
        unknown_characters: Characters of an unknown word in the training text, on average.
    """

    def __init__(
        self, vocabulary: Vocabulary, segmenter: Segmenter, split: bool = True, unknown_characters: float = 1.0
    ) -> None:
        self.vocabulary, self.segmenter = vocabulary, segmenter
        self.split, self.unknown_characters = split, unknown_characters

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's words, without an end.

        A text that is a word of the vocabulary stays one: out of its context it might be cut otherwise.
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
        """The text of numbers."""
        return self.vocabulary.text(ids)

    def unknown_share(self, ids: Sequence[int]) -> float:
        """Which share of the numbers is unknown."""
        return sum(number == UNKNOWN for number in ids) / max(1, len(ids))

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint, from which `from_state` makes the same tokenizer on any machine."""
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
        """What `state` kept."""
        kept = state["dictionary"]
        segmenter = Segmenter(None if kept is None else Dictionary.from_state(kept), state["hmm"])
        return cls(Vocabulary(state["words"]), segmenter, state["split"], state["unknown_characters"])
