"""``show data`` for a table: one line per column in the terminal, and a sheet of histograms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from dlcore.cli.show.picture import picture_path, save_picture
from dlcore.cli.show.prepared import data_title, recipe_title, say_sample
from dlcore.cli.show.subject import Words
from dlcore.cli.terminal import open_console, print_columns
from dlcore.insight.table_columns import ColumnSummary, summarize_table
from dlcore.runs import Command
from dlcore.tracking.figures.column_sheet import column_sheet

if TYPE_CHECKING:
    from dlcore.insight.table_columns import TableSummary

_MOST_CATEGORIES = 4


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
    say_sample(console, command)
    figure = column_sheet(summary.values, summary.groups, summary.group_names, f"{title}: {data.source}")
    save_picture(figure, path)


def _table(summary: TableSummary) -> Table:
    columns = [*summary.columns, summary.target]
    holes = any(column.missing for column in columns)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("column", overflow="fold")
    table.add_column("kind", no_wrap=True)
    if holes:
        table.add_column("missing", justify="right")
    table.add_column("values", overflow="fold")
    for heading in ("mean", "std"):
        table.add_column(heading, justify="right", no_wrap=True)
    for column in columns:
        if column is summary.target:
            table.add_section()
        cells = [column.name, column.kind, *([f"{column.missing:,}"] if holes else []), _values(column)]
        cells += ["" if math.isnan(number) else f"{number:.4g}" for number in (column.mean, column.std)]
        table.add_row(*cells, style="bold" if column is summary.target else None)
    return table


def _values(column: ColumnSummary) -> str:
    if column.kind != "categories":
        return "none" if math.isnan(column.low) else f"{column.low:.4g} to {column.high:.4g}"
    shown = [f"{name} ({count:,})" for name, count in column.categories[:_MOST_CATEGORIES]]
    more = len(column.categories) - len(shown)
    return ", ".join(shown) + (f", {more} more" if more else "")
