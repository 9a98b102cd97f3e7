"""Read a CSV file: its form (encoding, separator, header) is detected from its beginning; each fault is reported.

If two forms are possible, an error asks the user: the form is never guessed.
"""

from __future__ import annotations

import codecs
import csv
import re
import warnings
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.data.tables.cells import PLAIN, CellFormat
from dlcore.data.tables.file_format import check_names
from dlcore.data.tables.text_encoding import check_not_utf8, wrong_encoding
from dlcore.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from pandas import DataFrame

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_BEGINNING = 1 << 18  # bytes from which the form is detected,
_ROWS = 100  # and rows
_SEPARATOR_LINE = re.compile('"?sep=(.)"?\r?\n')  # Excel's line that declares the separator


@dataclass(frozen=True)
class CsvForm:
    """Form in which to read a CSV file."""

    encoding: str  # its encoding, by Python's name
    separator: str  # the character between values
    header: bool  # whether its first row names the columns
    names: tuple[str, ...]  # names of its columns; ``column_1``, ``column_2``, … without a header
    blanks: bool = False  # whether blanks follow separators. Skipping them takes a third of the reading time
    skipped: int = 0  # lines before the table: 1 with Excel's ``sep=;``, else 0
    cells: CellFormat = PLAIN  # format of its cells


def read_csv(path: Path, form: CsvForm, as_text: Collection[str] = ()) -> DataFrame:
    """Read a CSV file; the columns `as_text` are not read as numbers. Each fault of the file is a `DataError`."""
    import pandas as pd  # imported here: it takes 0.5 s, and only tables need it

    no_rows = DataError(f"{path}: expected rows below the header, got none.")
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
            raise no_rows from None
        except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
            _check_lengths(path, form)
            raise DataError(f"{path}: cannot be read as CSV ({' '.join(str(error).split())}).") from error
    if not len(table):
        raise no_rows
    if table[form.names[-1]].isna().any():  # a line that is too short looks like one that ends with missing values
        _check_lengths(path, form)
    return table


def _check_lengths(path: Path, form: CsvForm) -> None:
    """Raise at the first line whose number of values differs from the number of columns."""
    with path.open(encoding=form.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=form.separator, skipinitialspace=True)
        for row in islice(reader, form.skipped, None):
            if row and len(row) != len(form.names):
                raise DataError(
                    f"{path}, line {reader.line_num}: expected {len(form.names)} values, as in the first line, got "
                    f"{len(row)}. Correct the line; put a value that contains the separator in quotes."
                )


def fingerprint(path: Path) -> str:
    """Return the file's size and the checksum of its content; this takes a tenth of the time of parsing."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return f"{path.stat().st_size}-{checksum:08x}"


def detect_form(
    path: Path,
    encoding: str,
    separator: str,
    header: bool | str,
    known: tuple[str, ...] | None = None,
    cells: CellFormat = PLAIN,
) -> CsvForm:
    """Detect the form of a CSV file.

    encoding, separator and header are as for `Table`; a byte order mark of UTF-8 is skipped. If names are known that a
    header must have, it is detected by them. A form that cannot be detected is an `ArgumentError`; a file that is
    empty, no text, or in another encoding is a `DataError`.
    """
    text = _beginning(path, encoding)
    told = _SEPARATOR_LINE.match(text)
    if told:
        text, separator = text[told.end() :], told[1] if separator == "auto" else separator
    chosen = _separator(path, text, separator)
    rows = _rows(text, chosen)
    if not rows:
        raise DataError(f"{path}: expected rows of values, got an empty file.")
    if known is None and len(rows[0]) == 1:
        raise DataError(
            f"{path}: expected a target and at least one other column, got a single one when cut at {chosen!r}. If "
            "another sign stands between the values, give it: --data.separator SIGN."
        )
    named = header if isinstance(header, bool) else has_header(path, rows, known, cells)
    given = [name.strip() for name in rows[0]] if named else [""] * len(rows[0])
    names = tuple(name or f"column_{number}" for number, name in enumerate(given, 1))
    check_names(path, names)
    return CsvForm(encoding, chosen, named, names, f"{chosen} " in text, int(bool(told)), cells)


def _beginning(path: Path, encoding: str) -> str:
    """Return the file's first lines, none of them cut."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise ArgumentError("encoding", "the name of an encoding (utf-8, gb18030, cp1252, …)", encoding) from None
    with path.open("rb") as file:
        content = file.read(_BEGINNING)
        whole = not file.read(1)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and "16" not in encoding:
        raise DataError(f"{path}: expected text in {encoding}, got UTF-16. Give it: --data.encoding utf-16.")
    if b"\0" in content and "16" not in encoding and "32" not in encoding:
        raise DataError(
            f"{path}: expected a CSV file, got a binary one. A spreadsheet needs its ending (.xlsx, .xls, .ods), an "
            "archive must be unpacked."
        )
    check_not_utf8(path, encoding, content)
    try:
        text = decoder.decode(content, final=whole).removeprefix("\ufeff")
    except UnicodeError:
        raise wrong_encoding(path, encoding) from None
    return text if whole else text[: text.rfind("\n") + 1] or text


def _rows(text: str, separator: str) -> list[list[str]]:
    """Return the first rows that are not blank."""
    rows = csv.reader(text.splitlines(keepends=True), delimiter=separator, skipinitialspace=True)
    return list(islice(filter(None, rows), _ROWS + 1))


def _separator(path: Path, text: str, wanted: str) -> str:
    if wanted != "auto":
        chosen = SEPARATORS.get(wanted, wanted)
        if len(chosen) != 1 or chosen in '"\r\n':
            raise ArgumentError("separator", "auto, tab or one character", wanted)
        return chosen
    widths = {sign: [len(row) for row in _rows(text, sign)] for sign in SEPARATORS.values()}
    candidates = [sign for sign, found in widths.items() if found and found[0] > 1]
    if len(candidates) > 1:  # a comma may be a decimal comma between semicolons: only the separator cuts evenly
        candidates = [sign for sign in candidates if len(set(widths[sign])) == 1] or candidates
    if len(candidates) > 1:
        signs = " and ".join("tab" if sign == "\t" else f"{sign!r}" for sign in candidates)
        raise ArgumentError(
            "separator", f"one of the possible ones, {signs}", "auto", f"{path} can be read with each of them."
        )
    return candidates[0] if candidates else ","


def has_header(path: Path, rows: list[list[str]], known: tuple[str, ...] | None, cells: CellFormat) -> bool:
    """Return whether the first row names the columns: it has words over numbers, and no numbers but years."""
    first, *below = [[cell.strip() for cell in row] for row in rows]
    if not below and known is None:
        raise DataError(f"{path}: expected at least two rows, got a single line.")
    if known is not None and set(known) <= set(first):
        return True

    def is_number(cell: str) -> bool:  # in this or another format: the column reader reports the format later
        return cells.numbers.parse(cell) is not None or bool(cells.numbers.others([cell]))

    def has_numbers(column: int) -> bool:
        there = [row[column] for row in below if len(row) > column and row[column] not in cells.missing]
        return sum(map(is_number, there)) > len(there) / 2

    numbers = list(filter(is_number, first))
    words_over_numbers = any(
        cell not in cells.missing and cell not in numbers and has_numbers(place) for place, cell in enumerate(first)
    )
    only_years = bool(numbers) and all(re.fullmatch("(19|20)[0-9][0-9]", cell) for cell in numbers)
    if bool(numbers) == words_over_numbers or only_years:
        reason = "it has numbers that may be names" if numbers else "it has words, but not over numbers"
        unknown = f"Whether the first line of {path} names the columns is unclear: {reason}."
        raise ArgumentError("header", "true or false", "auto", unknown)
    return words_over_numbers
