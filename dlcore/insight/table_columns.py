"""Summary of a table: each column's kind, range, mean, categories and missing values, as in the file.

Shapes: N rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.data import Table
from dlcore.data.tables.builtin import builtin_table
from dlcore.data.tables.columns import Column, Names
from dlcore.data.tables.dates import date_text
from dlcore.data.tables.rows import Rows
from dlcore.tracking.figures.column_sheet import ColumnValues

_LEVELS = ("low", "middle", "high")


@dataclass(frozen=True)
class ColumnSummary:
    """A column of a table."""

    name: str
    kind: str  # ``numbers``, ``dates`` (in days since 1970-01-01), ``true/false`` or ``categories``
    missing: int  # rows without a value
    low: float  # least number; NaN for categories, and if all are missing. So are the next three
    high: float  # greatest number
    mean: float  # mean of the numbers
    std: float  # their standard deviation
    categories: list[tuple[str, int]]  # name and number of rows of each category, the most frequent first


@dataclass(frozen=True)
class TableSummary:
    """A table as in its file."""

    rows: int  # number of rows
    columns: list[ColumnSummary]  # the input columns
    target: ColumnSummary  # the target
    values: list[ColumnValues]  # the columns' values, for a picture
    # Group of each row by its target: the class, or for numbers the third of the range; -1: none (N,).
    groups: np.ndarray
    group_names: list[str]  # the groups' names


def summarize_table(datamodule: Table) -> TableSummary:
    """Read a table again, without filling gaps, scaling or leaving out rows.

    Args:
        datamodule: The table, with valid arguments.
    """
    builtin: Any = datamodule.builtin
    source = builtin_table(builtin) if datamodule.path is None else Path(datamodule.path).expanduser()
    rows, name = datamodule.reader.first(source, datamodule.source, datamodule.target)
    target: Any = rows.target  # read, as it was named
    goal: Column = target
    classes = datamodule.facts().get("class_names")
    groups, names = _groups(goal, name, None if classes is None else list(classes))
    return TableSummary(
        len(groups),
        [_summary(column_name, column) for column_name, column in rows.columns.items()],
        _summary(name, goal),
        _values(rows),
        groups,
        names,
    )


def _summary(name: str, column: Column) -> ColumnSummary:
    nothing = float("nan")
    missing = int(column.missing.sum())
    if isinstance(column, Names):
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.names))
        order = np.argsort(-counts, kind="stable")
        categories = [(column.names[code], int(counts[code])) for code in order if counts[code]]
        return ColumnSummary(name, "categories", missing, nothing, nothing, nothing, nothing, categories)
    kind = "true/false" if column.boolean else "dates" if column.dates else "numbers"
    present = column.values[~column.missing]
    if not len(present):
        return ColumnSummary(name, kind, missing, nothing, nothing, nothing, nothing, [])
    low, high, mean, std = (float(number) for number in (present.min(), present.max(), present.mean(), present.std()))
    return ColumnSummary(name, kind, missing, low, high, mean, std, [])


def _values(rows: Rows) -> list[ColumnValues]:
    drawn = []
    for name, column in rows.columns.items():
        if isinstance(column, Names):
            codes = np.where(column.codes < 0, np.nan, column.codes.astype(np.float64))
            drawn.append(ColumnValues(name, codes, tuple(column.names)))
        else:
            drawn.append(ColumnValues(name, column.values, text=date_text if column.dates else "{:.4g}".format))
    return drawn


def _groups(goal: Column, name: str, classes: list[str] | None) -> tuple[np.ndarray, list[str]]:
    """Group rows by class; for a regression by the third of the targets to which they belong."""
    if isinstance(goal, Names):
        return goal.codes, [f"{name} = {word}" for word in goal.names]
    values, present = goal.values, ~goal.missing
    different = np.unique(values[present])
    if classes is not None and len(classes) == len(different):
        groups, words = np.searchsorted(different, np.where(present, values, different[0])), classes
        return np.where(present, groups, -1), [f"{name} = {word}" for word in words]
    bounds = np.quantile(values[present], [1 / 3, 2 / 3]) if present.any() else np.zeros(2)
    groups = np.where(present, np.searchsorted(bounds, np.where(present, values, 0)), -1)
    lower, upper = (f"{bound:.4g}" for bound in bounds)
    ranges = (f"up to {lower}", f"to {upper}", f"above {upper}")
    return groups, [f"{name} {level}: {span}" for level, span in zip(_LEVELS, ranges, strict=True)]
