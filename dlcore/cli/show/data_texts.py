"""``show data`` of labelled texts: classes, lengths, frequent words, and a text of each class with its cuts."""

from __future__ import annotations

import numpy as np
import torch
from rich.table import Table
from rich.text import Text

from dlcore.cli.show.subject import Words
from dlcore.cli.terminal import new_table, open_console, print_columns
from dlcore.data import LabelledText, Split
from dlcore.errors import ArgumentError
from dlcore.text import END

_FREQUENT, _TOKENS, _CUT = 12, 60, "|"  # shown: frequent words of a class, tokens of a text


def show_texts(words: Words, data: LabelledText, part: str, index: int) -> None:
    """Print a summary of labelled texts, and of each class its text number `index` in a part."""
    if "out" in words.given:
        raise ArgumentError("--out", "data that are drawn (of texts there is no picture)", words.given["out"])
    split, names = data.parts[part], data.class_names
    targets = split.targets[split.indices]
    most = int(torch.bincount(targets, minlength=1).max())
    if index >= most:
        raise ArgumentError("--index", f"a text of a class in {part}, 0 to {most - 1:,}", index)
    console = open_console()
    facts = data.facts()
    rows = [
        ("data", f"LabelledText: {data.source}"),
        ("texts", ", ".join(f"{len(split):,} {name}" for name, split in data.parts.items())),
        ("words", f"{facts['vocab_size']:,}"),
        ("a batch", f"{data.batch_size:,} texts, {len(data.train_dataloader()):,} batches an epoch"),
    ]
    print_columns(console, rows, column=14, indent=0)
    console.print(_classes(data))
    for number, name in enumerate(names):
        own = split.indices[targets == number]
        if index < len(own):
            head = f"\n{name}, text {index:,} of {part}: "
            console.print(Text.assemble((head, "bold"), _text(split, int(own[index]), data)))


def _classes(data: LabelledText) -> Table:
    """Return the texts of each class in each part, the median length, and the words that are typical of it."""
    parts = list(data.parts)
    table = new_table("class", *(f">{name}" for name in parts), ">median words", "typical words")
    train = data.parts["train"]
    rows = train.inputs[train.indices].numpy()
    targets = train.targets[train.indices].numpy()
    lengths = (rows != END).sum(axis=1)
    size = data.facts()["vocab_size"]
    all_counts = np.bincount(rows[rows > END], minlength=size) + 1.0
    for number, name in enumerate(data.class_names):
        own = rows[targets == number]
        counts = np.bincount(own[own > END], minlength=size)
        # The parts of the Kullback-Leibler divergence of the class's words from all words.
        shares = counts / max(1, counts.sum())
        typical = np.argsort(-shares * np.log((shares + 1e-12) / (all_counts / all_counts.sum())), kind="stable")
        vocabulary = data.known_tokenizer.vocabulary
        shown = [vocabulary.words[word] for word in typical.tolist() if counts[word]]
        named = " ".join([word for word in shown if word.isalnum()][:_FREQUENT])
        held = [int((split.targets[split.indices] == number).sum()) for split in data.parts.values()]
        median = f"{np.median(lengths[targets == number]):.0f}" if len(own) else ""
        table.add_row(name, *(f"{count:,}" for count in held), median, named)
    return table


def _text(split: Split, row: int, data: LabelledText) -> str:
    """Return a text's words with cuts between them; an unknown word is □."""
    ids = split.inputs[row]
    shown = [data.known_tokenizer.decode([number]) for number in ids[ids != END].tolist()]
    return _CUT.join(shown[:_TOKENS]) + " …" * (len(shown) > _TOKENS)
