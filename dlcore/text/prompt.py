"""A prompt: the typed text, its token ids, and its unknown characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from dlcore.text.vocabulary import END, UNKNOWN, Vocabulary

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

    Args:
        text: Any text; may be empty.
        tokenizer: The network's tokenizer.
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
