"""Summary of a corpus: size of its parts, length of its documents, frequent words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcore.data import ChineseCorpus
from dlcore.errors import ArgumentError


@dataclass(frozen=True)
class PartSummary:
    """A part of a corpus."""

    name: str  # ``train``, ``val`` or ``test``
    documents: int  # number of documents
    tokens: int  # number of tokens, including one END per document
    characters: int  # number of characters
    unknown: int  # number of unknown tokens
    lengths: tuple[int, int, int]  # tokens of the shortest, the median and the longest document


def summarize_corpus(data: ChineseCorpus) -> list[PartSummary]:
    """Return summaries of a corpus's parts; parts without documents of their own are left out."""
    store: Any = data.store
    counts = store.meta["parts"]
    summaries = []
    for name, count in counts.items():
        if count["documents"]:
            lengths = np.sort(np.diff(data.parts[name].offsets.astype(np.int64))) - 1
            spread = (int(lengths[0]), int(lengths[len(lengths) // 2]), int(lengths[-1]))
            summaries.append(PartSummary(name, **count, lengths=spread))
    return summaries


def document_words(data: ChineseCorpus, part: str, index: int) -> list[str]:
    """Return the words of a document, as segmented.

    Args:
        data: The corpus, already read.
        part: ``train``, ``val`` or ``test``.
        index: The document, counted from 0 within the part.

    Raises:
        ArgumentError: The index is out of range.
    """
    chosen = data.parts[part]
    if index >= chosen.documents:
        raise ArgumentError("--index", f"a document of {part}, 0 to {chosen.documents - 1:,}", index)
    tokenizer: Any = data.tokenizer
    return [tokenizer.decode([number]) for number in chosen.document(index).tolist()]
