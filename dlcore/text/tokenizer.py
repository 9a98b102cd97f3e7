"""Convert text and prompts to token ids and back, with the vocabulary and segmentation of the training text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dlcore.text.dictionary import Dictionary
from dlcore.text.documents import normalize
from dlcore.text.segmentation import Segmenter
from dlcore.text.vocabulary import END, UNKNOWN, Vocabulary


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


_BLANK_LINES = re.compile(r"\r?\n(?:[^\S\n]*\n)+")


class TextEncoder(Protocol):
    """The part of a tokenizer that a prompt needs."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The known words."""

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text."""


@dataclass(frozen=True)
class Prompt:
    """The beginning of a text."""

    text: str  # the text as typed
    # input of the network: the end of a document, which also precedes the first one, then the words
    ids: tuple[int, ...]
    unknown: str = ""  # characters that the network does not know, each once, in order


def read_prompt(text: str, tokenizer: TextEncoder) -> Prompt:
    """Tokenize a prompt. An unknown word is split into its characters, each of which may be unknown itself.

    An empty line in it is the end of a document, as in a generated text.
    """
    ids: list[int] = []
    for part in _BLANK_LINES.split(text):
        words = tokenizer.encode(part) if part else []
        ids += [END, *(_spelled(part, words, tokenizer) if UNKNOWN in words else words)]
    known = set("".join(tokenizer.vocabulary.words[number] for number in ids if number > END))
    candidates = dict.fromkeys(text) if UNKNOWN in ids else ()
    unknown = [sign for sign in candidates if sign not in known and tokenizer.encode(sign) == [UNKNOWN]]
    return Prompt(text, tuple(ids), "".join(unknown))


def _spelled(text: str, ids: list[int], tokenizer: TextEncoder) -> list[int]:
    """Return the ids with unknown words split into characters, where their position in the text is certain."""
    words = tokenizer.vocabulary.words
    found: list[int] = []
    place = 0
    for position, number in enumerate(ids):
        if number != UNKNOWN:
            at = text.find(words[number], place)
            if at < 0:  # normalisation changed the word
                return ids
            place = at + len(words[number])
            found.append(number)
            continue
        following = next((words[other] for other in ids[position + 1 :] if other != UNKNOWN), None)
        end = len(text) if following is None else text.find(following, place + 1)
        if end < 0:
            return ids
        found += [tokenizer.vocabulary.id(character) for character in text[place:end]]
        place = end
    return found
