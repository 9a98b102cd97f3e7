"""Read a sheet of a spreadsheet (.xlsx, .xlsm, .xls, .ods) as rows of typed cells.

Nothing that the file says of its size is trusted: what it unpacks to and how many cells it has is limited.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcore.data.resumable_data import say
from dlcore.data.tables.file_format import check_installed
from dlcore.errors import ArgumentError, DataError, DlcoreError, UnknownNameError, in_a_line

_NEEDS = {".xls": ("xlrd", "xlrd"), ".ods": ("odfpy", "odf")}  # package and module; the others: openpyxl
_MOST_BYTES = 1 << 29  # when unpacked: some ten million cells
_MOST_ROWS, _MOST_CELLS = 1 << 20, 50_000_000  # rows: Excel's own limit
_LONGEST, _SHOWN = 40, 6  # shown: characters of a formula, sheets


def read_cells(path: Path, sheet: str | int) -> list[list[Any]]:
    """Return the cells of a sheet, row by row, all rows of one length; None where a cell is empty.

    Rows and columns after the last value are left out. A formula counts with its value. An error (#N/A, #DIV/0!) is
    that text; in an .xls or .ods file it is an empty cell. If nobody chose a sheet of several, say which is read.

    Args:
        path: The file.
        sheet: Name of the sheet, or its place: 0 for the first, -1 for the last.

    Raises:
        ArgumentError: There is no sheet at that place.
        UnknownNameError: There is no sheet of that name.
        DataError: The file cannot be read, is too large, or what reads it is not installed.
    """
    package, module = _NEEDS.get(path.suffix.lower(), ("openpyxl", "openpyxl"))
    check_installed(path, package, "excel", module)
    if path.suffix.lower() != ".xls":
        _check_size(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of formats and checks that are not kept
            rows, names = _of_workbook(path, sheet) if package == "openpyxl" else _of_others(path, sheet)
    except (DlcoreError, MemoryError):
        raise
    except Exception as error:  # a damaged file can raise almost anything
        said = f"{path}: cannot be read as a spreadsheet ({in_a_line(error)})."
        raise DataError(f"{said} Save it as CSV (UTF-8).") from error
    if sheet == 0 and len(names) > 1:
        others = f"{', '.join(names[1:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
        say(f"{path}: the first of {len(names)} sheets is read, {names[0]!r}; not {others}")
    while rows and not rows[-1]:
        rows.pop()
    width = max(map(len, rows), default=0)
    return [row + [None] * (width - len(row)) for row in rows]


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(entry.file_size for entry in file.infolist())
    except Exception as error:
        raise DataError(f"{path}: is damaged ({in_a_line(error)}). Save it again, or as CSV (UTF-8).") from error
    if size > _MOST_BYTES:
        raise DataError(
            f"{path}: expected a spreadsheet of at most {_MOST_BYTES:,} bytes when unpacked, got {size:,}. Save it as "
            "CSV (UTF-8) or Parquet."
        )


def _of_workbook(path: Path, sheet: str | int) -> tuple[list[list[Any]], list[str]]:
    import openpyxl
    from openpyxl.utils import get_column_letter

    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        names = [each.title for each in book.worksheets]
        rows = list(_rows(path, book, sheet))
    width = max(map(len, rows), default=0)
    if any(len(row) < width or None in row for row in rows):  # empty, or a formula whose value was never stored
        with path.open("rb") as file:
            formulas = list(_rows(path, openpyxl.load_workbook(file, read_only=True), sheet))
        for number, (row, written) in enumerate(zip(rows, formulas, strict=True), 1):
            for place, cell in enumerate(written, 1):
                is_empty = place > len(row) or row[place - 1] is None
                if is_empty and (formula := str(getattr(cell, "text", cell))).startswith("="):
                    raise DataError(
                        f"{path}, cell {get_column_letter(place)}{number}: expected a value, got a formula without one "
                        f"({formula[:_LONGEST]}). Open the file in a spreadsheet program and save it: that stores the "
                        "values."
                    )
    return rows, names


def _rows(path: Path, book: Any, sheet: str | int) -> Iterator[list[Any]]:
    """Yield the cells of each row up to its last one, and close the workbook."""
    try:
        chosen = book[_sheet_name(sheet, [each.title for each in book.worksheets])]
        chosen.reset_dimensions()  # what the file says of its size is often wrong
        cells = 0
        for number, row in enumerate(chosen.iter_rows(values_only=True), 1):
            kept = _cut(row)
            cells += len(kept)
            if number > _MOST_ROWS or cells > _MOST_CELLS:
                raise DataError(
                    f"{path}: expected at most {_MOST_ROWS:,} rows and {_MOST_CELLS:,} cells, got more. Save it as CSV "
                    "(UTF-8) or Parquet."
                )
            yield kept
    finally:
        book.close()


def _of_others(path: Path, sheet: str | int) -> tuple[list[list[Any]], list[str]]:
    import pandas as pd

    with pd.ExcelFile(path, engine="odf" if path.suffix.lower() == ".ods" else "xlrd") as book:
        names = [str(each) for each in book.sheet_names]
        table = book.parse(_sheet_name(sheet, names), header=None, dtype=object, na_filter=False)
    return [_cut(None if pd.isna(cell) else cell for cell in row) for row in table.to_numpy().tolist()], names


def _cut(row: Any) -> list[Any]:
    """Return the cells of a row up to its last one."""
    cells = [None if isinstance(cell, str) and not cell.strip() else cell for cell in row]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _sheet_name(sheet: str | int, names: list[str]) -> str:
    if str(sheet) in names:  # a sheet may be named 2024
        return str(sheet)
    if isinstance(sheet, str):
        raise UnknownNameError("sheet (in data.sheet)", sheet, names, "Or give its place: 0 for the first.")
    if not -len(names) <= sheet < len(names):
        raise ArgumentError("sheet", f"a place from {-len(names)} to {len(names) - 1}, or a name", sheet)
    return names[sheet]
