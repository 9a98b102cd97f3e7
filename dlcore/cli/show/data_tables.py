"""``show data`` as tables: of a table its columns, of a corpus its parts and words, of other data the first batches."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.model_helpers import is_overridden
from rich.table import Table
from rich.text import Text
from torch import Tensor

from dlcore.cli.panels import warn_of_sample
from dlcore.cli.show.picture import picture_path, save_picture
from dlcore.cli.show.prepared import data_title, recipe_title
from dlcore.cli.show.subject import Words
from dlcore.cli.terminal import new_table, open_console, print_columns
from dlcore.data import ChineseCorpus
from dlcore.data.tables.dates import date_text
from dlcore.errors import ArgumentError
from dlcore.insight.corpus_summary import PartSummary, document_words, summarize_corpus
from dlcore.insight.table_columns import ColumnSummary, summarize_table
from dlcore.runs import Command
from dlcore.tracking.figures.column_sheet import column_sheet

if TYPE_CHECKING:
    from dlcore.insight.table_columns import TableSummary


_MOST_CATEGORIES = 4
_WORDS, _TOKENS = 40, 200  # shown: most frequent words, tokens of a document
_CUT = "|"
_PARTS = {"train": "fit", "val": "fit", "test": "test", "predict": "predict"}


def show_table(words: Words, command: Command) -> None:
    """Print the columns of a table and draw their histograms."""
    data, title = command.datamodule, recipe_title(words)
    path = picture_path(words.given.get("out"), f"data_{data_title(words)}")
    summary = summarize_table(data)
    console = open_console()
    facts = data.facts()
    task = (command.config_dump["model"].get("init_args") or {}).get("task") or facts["tasks"][0]
    rows = [
        ("data", f"Table: {data.source}"),
        ("rows", f"{summary.rows:,}: " + ", ".join(f"{len(part):,} {name}" for name, part in data.parts.items())),
        ("target", f"{summary.target.name}, {task}"),
        ("network gets", f"{facts['in_features']:,} numbers a row from {len(summary.columns):,} columns"),
    ]
    print_columns(console, rows, column=14, indent=0)
    console.print(_table(summary))
    warn_of_sample(console, command.datamodule)
    figure = column_sheet(summary.values, summary.groups, summary.group_names, f"{title}: {data.source}")
    save_picture(figure, path)


def _table(summary: TableSummary) -> Table:
    columns = [*summary.columns, summary.target]
    holes = any(column.missing for column in columns)
    table = new_table("column", "kind", *[">missing"] * holes, "values", ">mean", ">std")
    for column in columns:
        if column is summary.target:
            table.add_section()
        cells = [column.name, column.kind, *([f"{column.missing:,}"] if holes else []), _column_values(column)]
        if math.isnan(column.mean):
            cells += ["", ""]
        elif column.kind == "dates":
            cells += [date_text(round(column.mean)), f"{column.std:.4g} days"]
        else:
            cells += [f"{column.mean:.4g}", f"{column.std:.4g}"]
        table.add_row(*cells, style="bold" if column is summary.target else None)
    return table


def _column_values(column: ColumnSummary) -> str:
    if column.kind != "categories":
        if math.isnan(column.low):
            return "none"
        ends = (date_text(end) if column.kind == "dates" else f"{end:.4g}" for end in (column.low, column.high))
        return " to ".join(ends)
    shown = [f"{name} ({count:,})" for name, count in column.categories[:_MOST_CATEGORIES]]
    more = len(column.categories) - len(shown)
    return ", ".join(shown) + (f", {more} more" if more else "")


def show_corpus(words: Words, data: ChineseCorpus, part: str, index: int) -> None:
    """Print a summary of a corpus."""
    if "out" in words.given:
        raise ArgumentError("--out", "data that are drawn (of a corpus there is no picture)", words.given["out"])
    console = open_console()
    document = document_words(data, part, index)
    vocabulary = data.vocabulary
    counts = data.parts["train"].word_counts(len(vocabulary))
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
    table = new_table("part", ">documents", ">tokens", ">characters", ">unknown", ">least, median, most")
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


def show_loaders(datamodule: LightningDataModule) -> None:
    """Print the content of each loader's first batch, before the module's own transfer hooks."""
    table = new_table("part", ">batches", "of a batch", ">shape", ">type", ">from", ">to", ">mean")
    for part, stage in _PARTS.items():
        if not is_overridden(f"{part}_dataloader", datamodule):
            continue
        if stage != "fit":
            datamodule.setup(stage)
        for name, loader in _loaders(getattr(datamodule, f"{part}_dataloader")(), part):
            cells = [name, f"{len(loader):,}" if hasattr(loader, "__len__") else "not known"]
            for number, row in enumerate(_rows(next(iter(loader), None))):
                table.add_row(*(cells if number == 0 else ["", ""]), *row)
    console = open_console()
    console.print(f"{type(datamodule).__name__}: the first batch of each loader")
    console.print()
    console.print(table)


def _rows(batch: Any) -> Iterator[list[str]]:
    if batch is None:
        yield ["nothing", *[""] * 5]
        return
    for name, value in _values(batch):
        if not isinstance(value, Tensor):
            yield [name, "", type(value).__name__, *[""] * 3]
            continue
        numbers = value.detach().double() if value.numel() and not value.is_complex() else torch.full((1,), torch.nan)
        spread = [f"{number:.4g}" for number in (numbers.min(), numbers.max(), numbers.mean())]
        shape = " × ".join(f"{length:,}" for length in value.shape) or "1"
        yield [name, shape, str(value.dtype).removeprefix("torch."), *spread]


def _loaders(value: Any, part: str) -> Iterator[tuple[str, Any]]:
    """Yield the loaders of a part: one, or several from a list or a dictionary."""
    if isinstance(value, list | tuple | Mapping):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        yield from ((f"{part} {key}", loader) for key, loader in pairs)
    else:
        yield part, value


def _values(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested lists and dictionaries with their paths: ``0``, ``image``, ``target 1``."""
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list | tuple) and not all(isinstance(each, str | bytes) for each in value):
        pairs = list(enumerate(value))
    else:
        yield name or "–", value
        return
    for key, inner in pairs:
        yield from _values(inner, f"{name} {key}".strip())
