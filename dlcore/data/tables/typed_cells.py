"""Cells with types, as spreadsheets and Parquet files have them, as columns like those of a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.data.tables.cells import CellFormat

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_EXACT = 1 << 53  # below it, each whole number is a float64


def cell_text(cell: Any, decimal: str = ".") -> str:
    """Return a cell as a CSV file has it: whole numbers without a fraction, dates as 2024-05-01; '' for nothing."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, float | np.floating):
        number = float(cell)
        whole = number.is_integer() and abs(number) < _EXACT
        return (str(int(number)) if whole else repr(number)).replace(".", decimal)
    if isinstance(cell, datetime):
        return str(cell.date()) if cell.time() == time() else str(cell.replace(tzinfo=None))
    return str(cell)


def column_of(cells: Sequence[Any], as_text: bool, decimal: str) -> Series:
    """Return a column of numbers, of true and false, or of dates if all cells are that; else of text, as in CSV."""
    import pandas as pd

    kinds = {type(cell) for cell in cells if cell is not None}
    if not as_text and kinds:
        if kinds <= {int, float}:
            whole = kinds == {int} and None not in cells and max(abs(cell) for cell in cells) < _EXACT
            return pd.Series(cells, dtype=np.int64 if whole else np.float64)
        if kinds == {bool} and None not in cells:
            return pd.Series(cells, dtype=bool)
        if all(issubclass(kind, date) for kind in kinds):
            return pd.to_datetime(pd.Series(cells, dtype=object))
    return pd.Series([cell_text(cell, decimal) or None for cell in cells], dtype=object)


def without_marks(table: DataFrame, cells: CellFormat) -> DataFrame:
    """Return the table with numbers that mark a missing value (``na_values`` -999) replaced by NaN."""
    marks = [found[0] for mark in cells.na_values if (found := cells.numbers.parse(mark)) is not None]
    for name in table.columns if marks else ():
        if table[name].dtype.kind in "iuf" and (wrong := table[name].isin(marks)).any():
            table[name] = table[name].astype(np.float64).mask(wrong)
    return table
