"""Read a CSV file whole with pandas; report each way in which it can be broken."""

from __future__ import annotations

import csv
import warnings
import zlib
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.data.tables.csv_form import CsvForm
from dlcore.data.tables.text_encoding import wrong_encoding
from dlcore.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame


def read_csv(path: Path, form: CsvForm, as_text: Collection[str] = ()) -> DataFrame:
    """Read a CSV file.

    Args:
        path: The file.
        form: Its form.
        as_text: Columns that must not be read as numbers.

    Raises:
        DataError: It has no rows, lines of unequal length, or bytes that are not text.
    """
    import pandas as pd  # imported here: it takes 0.5 s, and only tables need it

    options: dict[str, Any] = {
        "sep": form.separator,
        "skiprows": form.skipped,
        "header": 0 if form.header else None,
        "names": list(form.names),
        "index_col": False,  # else an extra value in each line would silently shift all columns
        "dtype": dict.fromkeys((name for name in as_text if name in form.names), str),
        "encoding": form.encoding,
        "decimal": form.cells.numbers.decimal,
        "keep_default_na": False,
        "na_values": list(form.cells.missing),
        "skipinitialspace": form.blanks,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # "loss of data"
        warnings.simplefilter("error", pd.errors.DtypeWarning)
        try:
            try:
                table = pd.read_csv(path, **options)
            except pd.errors.DtypeWarning:  # a column has numbers and text: read it as one type, in twice the time
                table = pd.read_csv(path, **options, low_memory=False)
        except UnicodeError:
            raise wrong_encoding(path, form.encoding) from None
        except pd.errors.EmptyDataError:
            raise _no_rows(path) from None
        except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
            _check_lengths(path, form)
            raise DataError(f"{path}: cannot be read as CSV ({' '.join(str(error).split())}).") from error
    if not len(table):
        raise _no_rows(path)
    if table[form.names[-1]].isna().any():  # a line that is too short looks like one that ends with missing values
        _check_lengths(path, form)
    return table


def fingerprint(path: Path) -> str:
    """Return the file's size and the checksum of its content; this takes a tenth of the time of parsing."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return f"{path.stat().st_size}-{checksum:08x}"


def _check_lengths(path: Path, form: CsvForm) -> None:
    """Raise at the first line whose number of values differs from the number of columns."""
    with path.open(encoding=form.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=form.separator, skipinitialspace=True)
        for row in islice(reader, form.skipped, None):
            if row and len(row) != len(form.names):
                raise DataError(
                    f"{path}, line {reader.line_num}: expected {len(form.names)} values, as in the first line, got "
                    f"{len(row)}. Correct the line; a value that holds the separator must stand in quotes."
                )


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path}: expected rows below the header, got none.")
