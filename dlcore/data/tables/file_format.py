"""The format of a table's file, by its ending and its first bytes: CSV, a spreadsheet or Parquet."""

from __future__ import annotations

import importlib.util
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dlcore.errors import ArgumentError, DataError

Format = Literal["csv", "spreadsheet", "parquet"]
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
PARQUET = (".parquet", ".pq")
_ZIP, _PARQUET = b"PK\x03\x04", b"PAR1"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an .xls file, or an .xlsx file with a password
_KINDS = {_PARQUET: "a Parquet file", _ZIP: "a packed file", _OLE: "an old spreadsheet (.xls)"}


def table_path(argument: str, value: str) -> Path:
    """Return the path of a table's file; an `ArgumentError` if it is not there."""
    path = Path(value).expanduser()
    if not path.is_file():
        why = "That is a folder." if value and path.is_dir() else "It is not there."
        raise ArgumentError(argument, "a table's file", value, why)
    return path


def format_of(path: Path) -> Format:
    """Return a file's format by its ending; its first bytes must agree, else it is a `DataError`."""
    ending = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(8)
    packed, old = start.startswith(_ZIP), start == _OLE
    got = next((kind for mark, kind in _KINDS.items() if start.startswith(mark)), "other content")
    got = got if start else "an empty file"
    if ending in PARQUET:
        if start.startswith(_PARQUET):
            return "parquet"
        raise DataError(
            f"{path}: expected a Parquet file, got {got}. Write it again; if it is text, rename it to {path.stem}.csv."
        )
    if ending in SPREADSHEETS:
        if (packed and ending != ".xls") or (old and ending == ".xls"):
            return "spreadsheet"
        if old:
            raise DataError(
                f"{path}: expected a spreadsheet without a password, or {path.stem}.xls, got one with a password or an "
                "old one. Save it as .xlsx without a password, or as CSV (UTF-8)."
            )
        name = f"{path.stem}.xlsx" if packed else f"{path.stem}.csv"
        remedy = f"; if it is {'a newer spreadsheet' if packed else 'text'}, rename it to {name}" if start else ""
        said = f"{path}: expected a spreadsheet, got {got}."
        raise DataError(f"{said} Save it as CSV (UTF-8), or as {ending} again{remedy}.")
    if start.startswith(_PARQUET):
        raise DataError(f"{path}: expected a CSV file, got a Parquet file. Rename it to {path.stem}.parquet.")
    if old or (packed and _is_workbook(path)):
        name = f"{path.stem}.xls{'' if old else 'x'}"
        raise DataError(
            f"{path}: expected a CSV file, got a spreadsheet. Rename it to {name}, or save it as CSV (UTF-8)."
        )
    return "csv"


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return "[Content_Types].xml" in file.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def check_installed(path: Path, package: str, extra: str, module: str = "") -> None:
    """Raise a `DataError` with the pip command if a package that reads a file is not installed."""
    if importlib.util.find_spec(module or package) is None:
        raise DataError(
            f"{path}: expected the package {package}, which reads such files, got none. Type: pip install {package} "
            f"(or 'dlcore[{extra}]'), or save the file as CSV (UTF-8)."
        )


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise a `DataError` if two columns have one name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(number) for number, name in enumerate(names, 1) if name == twice[0]]
        raise DataError(
            f"{path}: expected a name of its own for each column, got {twice[0]!r} for columns {', '.join(places)}. "
            "Rename one in the file's first line."
        )
