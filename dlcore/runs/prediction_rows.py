"""Predictions beside the rows that they are of, in the format of their file: CSV, .xlsx or Parquet."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.data.tables.file_format import PARQUET, SPREADSHEETS
from dlcore.plain_text import csv_cell
from dlcore.tracking.run_file import replace_file

if TYPE_CHECKING:
    from pandas import DataFrame


def ending_of(path: Path) -> str:
    """Return the ending of the predictions for the rows of a file: that of its format; of any spreadsheet .xlsx."""
    ending = path.suffix.lower()
    if ending in SPREADSHEETS and importlib.util.find_spec("openpyxl") is not None:
        return ".xlsx"
    return ".parquet" if ending in PARQUET else ".csv"


def write_beside(path: Path, own: DataFrame, rows: np.ndarray, answers: Mapping[str, Sequence[Any]]) -> None:
    """Write rows with their answers: ``index``, the place of each row in its file, from 0, its columns, the answers.

    A column that has the name of an answer is called ``NAME (input)``.

    Args:
        path: The file; its ending is its format.
        own: The rows of the file, as they came.
        rows: The rows that have an answer (N,).
        answers: The answers, by the name of their column (N of each).
    """
    taken = {"index", *answers}
    table = own.iloc[rows].reset_index(drop=True)
    table.columns = [f"{name} (input)" if name in taken else str(name) for name in own.columns]
    table.insert(0, "index", rows)
    table = table.assign(**{name: _shortest(values) for name, values in answers.items()})
    content = io.BytesIO()
    if path.suffix == ".parquet":
        table.to_parquet(content, index=False)
    elif path.suffix == ".xlsx":
        _for_sheets(table).to_excel(content, index=False, engine="openpyxl")
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(map(csv_cell, table.columns))
        writer.writerows(map(_cells, table.to_numpy(dtype=object).tolist()))
        content.write(text.getvalue().encode())
    replace_file(path, content.getvalue())


def _shortest(values: Sequence[Any]) -> Any:
    """Return float32 numbers as the shortest ones from which they can be read back."""
    array = np.asarray(values)
    return array.astype(str).astype(np.float64) if array.dtype == np.float32 else values


def _cells(row: Sequence[Any]) -> list[str]:
    return ["" if cell is None or cell != cell else csv_cell(str(cell)) for cell in row]


def _for_sheets(table: DataFrame) -> DataFrame:
    """Return the table without what a sheet takes for a formula, or cannot hold."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    def plain(cell: Any) -> Any:
        if not isinstance(cell, str):
            return cell
        return ("'" if cell.startswith("=") else "") + ILLEGAL_CHARACTERS_RE.sub("", cell)

    found = table.map(plain)
    found.columns = [plain(name) for name in table.columns]
    return found


def read_back(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file of predictions as text; none of a file of another kind."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    if path.suffix not in (".xlsx", ".parquet"):
        return []
    import pandas as pd

    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
    else:
        table = pd.read_excel(path, keep_default_na=False, engine="openpyxl")
    return [{str(name): str(cell) for name, cell in row.items()} for row in table.to_dict("records")]
