"""``show data`` for a corpus: its parts, its most frequent words, and a document with its word boundaries."""

from __future__ import annotations

import unicodedata

from rich import box
from rich.table import Table
from rich.text import Text

from dlcore.cli.show.subject import Words
from dlcore.cli.terminal import open_console, print_columns
from dlcore.data import ChineseCorpus
from dlcore.errors import ArgumentError
from dlcore.insight.corpus_summary import PartSummary, document_words, summarize_corpus, word_counts

_WORDS, _TOKENS = 40, 200  # shown: most frequent words, tokens of a document
_CUT = "|"


def show_corpus(words: Words, data: ChineseCorpus, part: str, index: int) -> None:
    """Print a summary of a corpus."""
    if "out" in words.given:
        raise ArgumentError("--out", "data that are drawn (of a corpus there is no picture)", words.given["out"])
    console = open_console()
    document = document_words(data, part, index)
    vocabulary = data.vocabulary
    counts = word_counts(data.parts["train"], len(vocabulary))
    size = f"{data.batch_size:,} rows of {data.sequence_length:,} tokens, {len(data.train_dataloader()):,} an epoch"
    rows = [("data", f"ChineseCorpus: {data.source}"), ("words", f"{len(vocabulary):,}"), ("a batch", size)]
    if data.in_pieces:
        rows.append(("documents", "few: they were cut into pieces"))
    print_columns(console, rows, column=14, indent=0)
    console.print(_parts(summarize_corpus(data)))
    frequent = ", ".join(
        f"{_visible(vocabulary.words[number])} {counts[number]:,}" for number in range(2, min(len(counts), _WORDS + 2))
    )
    console.print(Text(f"Most frequent in train: {frequent}\n"))
    console.print(Text(f"Document {index:,} of {part}, cut into {len(document):,} tokens:"))
    shown = _CUT.join(document[:_TOKENS]).replace(f"{_CUT}\n{_CUT}", "\n").replace(f"\n{_CUT}", "\n")
    console.print(Text(shown + (" …" if len(document) > _TOKENS else "")))


def _parts(summaries: list[PartSummary]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("part", no_wrap=True)
    for heading in ("documents", "tokens", "characters", "unknown", "least, median, most"):
        table.add_column(heading, justify="right")
    for summary in summaries:
        counts = (summary.documents, summary.tokens, summary.characters)
        lengths = ", ".join(f"{length:,}" for length in summary.lengths)
        share = f"{summary.unknown / max(1, summary.tokens):.2%}"
        table.add_row(summary.name, *(f"{count:,}" for count in counts), share, lengths)
    return table


def _visible(word: str) -> str:
    """Return a word, or the name of an invisible character."""
    names = {"\n": "line break", " ": "space", "\t": "tab"}
    return names.get(word) or (word if word.isprintable() else unicodedata.name(word[0], repr(word)).lower())
