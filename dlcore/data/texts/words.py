"""Texts as rows of token ids: cut into words, with a vocabulary of the training texts, padded at the end.

Shapes: N texts, T tokens of the longest, V words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlcore.data.array_data import Split
from dlcore.text import END, Tokenizer, Vocabulary
from dlcore.text.documents import BLOCK, Block, normalize
from dlcore.text.parallel_segmentation import cut_blocks
from dlcore.text.segmentation import Segmenter
from dlcore.text.vocabulary import SPECIAL

_EMPTY = "\x01"  # stands for an empty text while texts are cut


@dataclass(frozen=True)
class CutTexts:
    """Texts cut into words, without blanks.

    Attributes:
        numbers: Each word's number, text after text.
        offsets: Where each text begins, and the end (N + 1,).
        words: The word of each number.
    """

    numbers: np.ndarray
    offsets: np.ndarray
    words: list[str]

    @property
    def lengths(self) -> np.ndarray:
        """Number of words of each text (N,)."""
        return np.diff(self.offsets)

    def of(self, texts: np.ndarray) -> np.ndarray:
        """Return the numbers of all words of some texts, chosen by a mask (N,)."""
        chosen: np.ndarray = self.numbers[np.repeat(texts, self.lengths)]
        return chosen

    def vocabulary(self, texts: np.ndarray, min_freq: int, max_words: int | None) -> Vocabulary:
        """Return the words that occur often enough in some texts, chosen by a mask (N,); the most frequent first."""
        counts = np.bincount(self.of(texts), minlength=len(self.words))
        order = np.argsort(-counts, kind="stable")[: (counts >= min_freq).sum()]
        return Vocabulary(
            self.words[number] for number in order[:max_words].tolist() if self.words[number] not in SPECIAL
        )

    def rows(self, vocabulary: Vocabulary, max_length: int) -> tuple[Tensor, Tensor]:
        """Return token ids, padded with `END` (N, T), and the number of tokens of each text (N,), at most max_length.

        Ids are int16 where they fit, else int32.
        """
        lengths = self.lengths.clip(max=max_length)
        kind = np.int16 if len(vocabulary) < 1 << 15 else np.int32
        rows = np.full((len(lengths), max(1, lengths.max(initial=1))), END, dtype=kind)
        ids = np.array([vocabulary.id(word) for word in self.words], dtype=rows.dtype)
        inside = np.arange(rows.shape[1]) < lengths[:, None]
        kept = np.arange(len(self.numbers)) - np.repeat(self.offsets[:-1], self.lengths) < max_length
        rows[inside] = ids[self.numbers[kept]]
        return torch.from_numpy(rows), torch.from_numpy(lengths)


def cut_texts(texts: Sequence[str], segmenter: Segmenter) -> CutTexts:
    """Cut normalised texts into words, many of them by all cores."""
    whole = [text.replace("\0", "").strip() or _EMPTY for text in texts]  # NUL separates them
    total = sum(map(len, whole))
    pieces: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    known: dict[str, int] = {}
    for _, cut in cut_blocks(_blocks(whole), segmenter, "none", 3 * total):
        first = segmenter.first_other
        found, places = np.unique(cut.raw, return_inverse=True)
        own = [segmenter.known(n) if n < first else cut.others[n - first] for n in found.tolist()]
        numbers = np.array([known.setdefault(word, len(known)) for word in own], dtype=np.int64)
        pieces.append(numbers[places])
        lengths.append(cut.lengths)
    numbers, words = np.concatenate(pieces), list(known)
    kept = ~np.array([word.isspace() or word == _EMPTY for word in words])[numbers]
    ends = np.cumsum(np.concatenate([[0], *lengths]))
    return CutTexts(numbers[kept], np.concatenate([[0], np.cumsum(kept)])[ends], words)


def _blocks(texts: Sequence[str]) -> Iterator[Block]:
    """Yield texts in blocks, with a NUL between two of them."""
    begin = size = 0
    for number, text in enumerate(texts, 1):
        size += len(text)
        if size >= BLOCK or number == len(texts):
            yield Block("\0".join(texts[begin:number]), True, 3 * size)
            begin, size = number, 0


def words_of(text: str, tokenizer: Tokenizer) -> list[str]:
    """Return the words of one text, as `cut_texts` cuts it."""
    return [word for word in tokenizer.segmenter.cut(normalize(text)) if not word.isspace()]


def texts_by_tokens(part: Split) -> dict[tuple[int, ...], str]:
    """Return the texts of a part whose samples are named by them, by their token ids."""
    names, rows = part.names or (), part.inputs[part.indices]
    chosen = zip(part.indices.tolist(), rows, strict=True)
    return {tuple(row[row != END].tolist()): names[index] for index, row in chosen}
