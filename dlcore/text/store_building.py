"""Build a token store from text files, in three sequential passes.

1. All cores segment the text; the words are written as raw ids (`Segmenter.raw`) to a temporary file.
2. Count the words of the training documents and choose the vocabulary.
3. Convert raw ids to those of the vocabulary, and write each document to its part.

Memory is bounded by the number of different words, plus a few blocks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.cache import stamps_of
from dlcore.errors import DataError
from dlcore.text.corpus_files import TextFile
from dlcore.text.documents import Documents
from dlcore.text.raw_words import RawWords
from dlcore.text.segmentation import Segmenter
from dlcore.text.token_store import NAMES, TRAIN, part_of_each
from dlcore.text.vocabulary import END, UNKNOWN, Vocabulary

_KEPT_CHARACTER = 2  # least frequency of a character; see `_choose`


@dataclass(frozen=True)
class Rules:
    """Rules by which a corpus becomes token ids."""

    documents: Documents  # what separates documents
    min_freq: int  # how often a word must occur in the training documents to be kept
    split: bool  # whether rarer words are split into their characters; else they are unknown
    val_size: float  # share or number of the validation documents
    test_size: float  # share or number of the test documents
    max_words: int | None = None  # most words that are kept, the most frequent; None: no limit
    words: tuple[str, ...] | None = None  # the vocabulary, if it is given; None: chosen from the training documents


def build_store(
    folder: Path, files: Sequence[TextFile], segmenter: Segmenter, rules: Rules, processes: int | None = None
) -> None:
    """Write a token store of a corpus into an empty folder. A corpus without text is a `DataError`."""
    raw = RawWords(folder, files, segmenter, rules.documents, processes)
    if not raw.count:
        raise DataError(f"{files[0].path}: expected text, got blank lines only.")
    pieces = raw.cut_documents() if rules.val_size or rules.test_size else False
    parts = part_of_each(len(raw.offsets) - 1, rules.val_size, rules.test_size)
    counts = np.zeros((2, raw.size), dtype=np.int64)  # of the training documents, and of the others
    for start, numbers in raw.slices():
        documents, lengths, _ = raw.document_lengths(start, start + len(numbers))
        trains = np.repeat(parts[documents] == TRAIN, lengths)
        for row, chosen in enumerate((numbers[trains], numbers[~trains])):
            found = np.bincount(chosen)
            counts[row, : len(found)] += found
    texts = {int(number): raw.text(int(number)) for number in np.flatnonzero(counts.sum(axis=0))}
    in_training = Counter[str]()
    for number in np.flatnonzero(counts[0]).tolist():
        in_training[texts[number]] += int(counts[0, number])
    words = list(rules.words) if rules.words is not None else _choose(in_training, rules)
    vocabulary = Vocabulary(words)
    lost = {word: count for word, count in in_training.items() if word not in vocabulary}
    long = sum(len(word) * count for word, count in lost.items()) / max(1, sum(lost.values()))
    meta: dict[str, Any] = {
        "pieces": pieces,
        "unknown_characters": 1.0 if rules.split or not lost else long,
        "dtype": "<u2" if len(vocabulary) <= 1 << 16 else "<u4",
        "encodings": sorted({file.encoding for file in files}),
    }
    meta["parts"] = _write_parts(folder, raw, parts, _Renumbering(raw.size, texts, vocabulary, rules.split), meta)
    meta["stamps"] = stamps_of(folder, [f"{name}.{kind}" for name in NAMES for kind in ("tokens", "offsets")])
    content = json.dumps({**meta, "words": words}, ensure_ascii=False)
    (folder / "meta.json").write_text(content, encoding="utf-8")
    for name in ("raw", "lengths"):
        (folder / name).unlink()


def _choose(counts: Counter[str], rules: Rules) -> list[str]:
    """Return the words of the vocabulary, the most frequent first.

    If rare words are split, a character is kept that occurs at least twice, including those of split words. Characters
    that occur once become unknown: their frequency estimates that of unseen characters in other text (Good and Turing),
    and the model learns it.
    """
    frequent = [word for word, count in counts.items() if count >= rules.min_freq]
    kept = set(sorted(frequent, key=lambda word: (-counts[word], word))[: rules.max_words])
    final = Counter(counts)
    if rules.split:
        for word, count in counts.items():
            if len(word) > 1 and word not in kept:
                del final[word]
                for character in word:
                    final[character] += count
        kept |= {word for word, count in final.items() if count >= min(rules.min_freq, _KEPT_CHARACTER)}
    if "\n" in counts:
        kept.add("\n")
    return sorted(kept, key=lambda word: (-final[word], word))


class _Renumbering:
    """Maps raw ids to those of the vocabulary: a word becomes one id, or one per character."""

    def __init__(self, size: int, texts: dict[int, str], vocabulary: Vocabulary, split: bool) -> None:
        flat = [END]
        self._start = np.zeros(size, dtype=np.int64)
        self._length = np.ones(size, dtype=np.int64)
        self.characters = np.zeros(size, dtype=np.int64)
        for number, word in texts.items():
            self._start[number] = len(flat)
            self.characters[number] = len(word)
            if word in vocabulary or not split:
                flat.append(vocabulary.id(word))
            else:
                flat.extend(map(vocabulary.id, word))
                self._length[number] = len(word)
        self._flat = np.array(flat, dtype=np.uint32)

    def __call__(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids of the vocabulary (M,), and the number of ids per raw id; raw 0 is the end of a document."""
        lengths = self._length[raw]
        starts = self._start[raw]
        if len(raw) == (total := int(lengths.sum())):
            return self._flat[starts], lengths
        before = np.cumsum(lengths) - lengths
        return self._flat[np.repeat(starts - before, lengths) + np.arange(total)], lengths


def _write_parts(
    folder: Path, raw: RawWords, parts: np.ndarray, renumbering: _Renumbering, meta: dict[str, Any]
) -> dict[str, dict[str, int]]:
    """Step 3: write the parts; return the counts of each."""
    counts = {name: dict.fromkeys(("documents", "tokens", "characters", "unknown"), 0) for name in NAMES}
    with ExitStack() as stack:
        files = {
            name: [stack.enter_context((folder / f"{name}.{kind}").open("wb")) for kind in ("tokens", "offsets")]
            for name in NAMES
        }
        for _, offsets in files.values():
            np.zeros(1, dtype="<u8").tofile(offsets)
        for start, numbers in raw.slices():
            documents, lengths, ends = raw.document_lengths(start, start + len(numbers))
            with_ends = np.insert(numbers, lengths.cumsum()[ends], 0)
            part_of = np.repeat(parts[documents], lengths + ends)
            made, each = renumbering(with_ends)
            part_of_made = np.repeat(part_of, each)
            for place, name in enumerate(NAMES):
                chosen = made[part_of_made == place]
                count, (tokens, offsets) = counts[name], files[name]
                found = np.flatnonzero(chosen == END) + 1 + count["tokens"]
                chosen.astype(meta["dtype"]).tofile(tokens)
                found.astype("<u8").tofile(offsets)
                count["documents"] += len(found)
                count["tokens"] += len(chosen)
                count["unknown"] += int((chosen == UNKNOWN).sum())
                count["characters"] += int(renumbering.characters[with_ends[part_of == place]].sum())
    return counts
