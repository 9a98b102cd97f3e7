"""A prompt: what the user typed, the numbers that the network gets, and what it does not know of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from dlcore.text.vocabulary import END, UNKNOWN, Vocabulary

_BLANK_LINES = re.compile(r"\r?\n(?:[^\S\n]*\n)+")


class TextEncoder(Protocol):
    """What of a tokenizer is needed here."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that are known."""

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's words."""


@dataclass(frozen=True)
class Prompt:
    """What a text begins with.

    Attributes:
        text: As it was typed.
        ids: As the network gets it: the end of the document before, which also stands before the first one; the words.
        unknown: Characters that the network does not know, each once, in their order.
    """

    text: str
    ids: tuple[int, ...]
    unknown: str = ""


def read_prompt(text: str, tokenizer: TextEncoder) -> Prompt:
    """Cut a prompt into words. One that is not known falls to its characters, each of which may be unknown itself.

    An empty line in it is the end of a document, as in a text that is generated.

    Args:
        text: Any text, also none.
        tokenizer: That of the network.
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
    """The numbers with each unknown word of several characters spelled out, where its place in the text is certain."""
    words = tokenizer.vocabulary.words
    found: list[int] = []
    place = 0
    for position, number in enumerate(ids):
        if number != UNKNOWN:
            at = text.find(words[number], place)
            if at < 0:  # normalised otherwise than typed
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
