"""Check labelled texts, and describe them: classes, vocabulary, unknown words, copies.

Shapes: N texts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from dlcore.data.array_data import Split
from dlcore.data.texts.sources import Texts
from dlcore.data.texts.words import CutTexts
from dlcore.errors import DataError
from dlcore.text import UNKNOWN, Vocabulary

_SHOWN = 12  # classes that a note names
_MOST = 1000  # classes


def check_texts(texts: Texts, missing: str, label_needed: bool = True) -> np.ndarray:
    """Return the rows that are used (N,): with ``drop`` those with a text and a label; else a gap is a `DataError`."""
    keep = np.ones(len(texts.texts), dtype=bool)
    for what, cells in (("text", texts.texts), ("label", texts.labels)):
        there = np.array([bool(cell) for cell in cells])
        if there.all() or (what == "label" and not label_needed):
            continue
        if missing == "error":
            rows = np.flatnonzero(~there)
            first = texts.names[rows[0]] if texts.names else f"row {rows[0] + 1:,} (counted from 1, without the header)"
            raise DataError(
                f"{texts.where}: expected a {what} in each row, got none in {first}"
                f"{f' and {len(rows) - 1:,} more' if len(rows) > 1 else ''}. Leave such rows out: --data.missing drop."
            )
        keep &= there
    if not keep.any():
        raise DataError(f"{texts.where}: expected at least one text{' with a label' * label_needed}, got none.")
    return np.flatnonzero(keep)


def check_labels(texts: Texts, kept: np.ndarray) -> list[str]:
    """Return the names of the classes, sorted: numbers by their size."""
    names = sorted({texts.labels[row] for row in kept.tolist()}, key=_natural)
    if len(names) < 2:
        raise DataError(
            f"{texts.where}: expected labels of at least two classes, got only {names[0]!r}: there is nothing to "
            "learn. Is it the right column (--data.label)?"
        )
    if len(names) > _MOST or len(names) > len(kept) / 2 > 4:
        raise DataError(
            f"{texts.where}: expected a few classes, with several texts each, got {len(names):,} different labels in "
            f"{len(kept):,} rows, such as {names[0][:40]!r}. Is it the right column (--data.label)?"
        )
    return names


def _natural(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def class_indices(texts: Texts, kept: np.ndarray, names: list[str], needed: bool) -> tuple[np.ndarray, str]:
    """Return class indices (N,), -1 where a label is missing; and a note about labels that are no class.

    In a row that is used such a label is a `DataError`, unless no labels are needed.
    """
    place = {name: number for number, name in enumerate(names)}
    codes = np.array([place.get(label, -1) for label in texts.labels], dtype=np.int64)
    unknown = [row for row in kept[codes[kept] < 0].tolist() if texts.labels[row]]
    if not unknown:
        return codes, ""
    shown = f"{texts.labels[unknown[0]]!r} in row {unknown[0] + 1:,}"
    if needed:
        raise DataError(
            f"{texts.where}: expected labels of the training ({', '.join(names[:_SHOWN])}), got {shown} "
            f"({len(unknown):,} such rows). Correct them, or leave them out of the file."
        )
    return codes, f"{texts.where}: {len(unknown):,} labels are no class of the training, such as {shown}: left open"


def describe(
    texts: Texts, parts: Mapping[str, Split], words: CutTexts, vocabulary: Vocabulary, names: list[str]
) -> Iterator[str]:
    """Yield notes about the run's own texts: their number, classes, vocabulary, unknown words and copies."""
    train = parts["train"]
    targets = train.targets[train.indices].tolist()
    counts = Counter(names[target] for target in targets)
    shown = ", ".join(f"{name} {counts[name]:,}" for name in names[:_SHOWN]) + ", …" * (len(names) > _SHOWN)
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in parts.items())
    held = [part for part in (parts["val"], parts["test"]) if len(part)]
    tokens = np.concatenate([words.numbers[:0], *(_tokens(part) for part in held or [train])])
    unknown = float((tokens == UNKNOWN).mean()) if len(tokens) else 0.0
    yield (
        f"{texts.where}: {len(texts.texts):,} texts, {sizes}; training texts of {len(names):,} classes: {shown}; "
        f"vocabulary {len(vocabulary):,}, unknown {unknown:.2%} of {'held-out' if held else 'all'} words"
    )
    if not held:
        yield "nothing is held out (val_size and test_size are 0): metrics are those of the training texts"
    if single := [name for name in names if counts[name] <= 1]:
        yield f"at most one training text of {', '.join(single[:_SHOWN])}: too few to learn from or to be measured"
    most, least = max(counts.values()), min(counts.values())
    if most >= 10 * least > 10:
        yield (
            f"classes differ in size: {most:,} and {least:,} training texts. --model.class_weights evens them out "
            "(python -m dlcore check says which)"
        )
    yield from _copies(texts, parts)


def _tokens(part: Split) -> np.ndarray:
    rows = part.inputs[part.indices].numpy()
    ids: np.ndarray = rows[rows != 1]
    return ids


def _copies(texts: Texts, parts: Mapping[str, Split]) -> Iterator[str]:
    """Yield notes about equal texts in training and held-out part, and with different labels."""
    trained = {texts.texts[row] for row in parts["train"].indices.tolist()}
    for name in ("val", "test"):
        if parts[name].inputs is not parts["train"].inputs:
            continue  # of another file
        again = sum(texts.texts[row] in trained for row in parts[name].indices.tolist())
        if again:
            yield (
                f"{again:,} of {len(parts[name]):,} {name} texts are also training texts: {name}/… will look better "
                "than the network is. Take copies out of the file"
            )
    labels: dict[str, set[str]] = defaultdict(set)
    for text, label in zip(texts.texts, texts.labels, strict=True):
        labels[text].add(label)
    if torn := sum(len(found) > 1 for text, found in labels.items() if text):
        yield f"{torn:,} texts occur with different labels: nobody can be right about each of them"
