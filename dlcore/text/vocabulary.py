"""The words of a text model, their ids, and batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # processes that only segment text need no torch
    from torch import Tensor


UNKNOWN = 0
END = 1
SPECIAL = ("<unk>", "<end>")


class Vocabulary:
    """Words and their ids: 0 is an unknown word, 1 the end of a document, which also precedes its start.

    Args:
        words: The other words, the most frequent first; the first of them has id 2. A line break is one of them.

    Attributes:
        words: All words by id; the two special ones are spelled ``<unk>`` and ``<end>``.

    Raises:
        ValueError: A word occurs twice.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words: tuple[str, ...] = (*SPECIAL, *words)
        self._ids = {word: number for number, word in enumerate(self.words) if number > END}
        if len(self._ids) != len(self.words) - len(SPECIAL):
            raise ValueError("a word is there twice")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def id(self, word: str) -> int:
        """Return the id of a word; `UNKNOWN` if it has none."""
        return self._ids.get(word, UNKNOWN)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of ids: the end of a document is an empty line, an unknown word is □."""
        signs = {UNKNOWN: "□", END: "\n\n"}
        return "".join(signs.get(number) or self.words[number] for number in ids)

    def characters(self, unknown: float = 1.0) -> list[float]:
        """Return the number of characters of each id (V,): none for the end of a document.

        Args:
            unknown: Characters of an unknown word, on average.
        """
        return [unknown, 0.0, *(float(len(word)) for word in self.words[len(SPECIAL) :])]


# In `TextBatch.targets` where a stream has ended before the others: such positions are ignored.
NO_TARGET = -100


class TextBatch(NamedTuple):
    """A piece of B streams of text, T tokens long.

    Attributes:
        inputs: Tokens (B, T), int64.
        targets: The token that follows each of them (B, T), int64; `NO_TARGET` if there is none.
        characters: Number of characters of each target (B, T), float32; 0 if there is no target.
        continues: Whether each row continues the same row of the previous batch: a network that carries its state then
            keeps it, and resets it otherwise.
    """

    inputs: Tensor
    targets: Tensor
    characters: Tensor
    continues: bool
