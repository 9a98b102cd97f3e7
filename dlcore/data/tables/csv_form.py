"""The form of a CSV file: its encoding, its separator, whether it has a header; told from its beginning, never guessed.

Where two forms are possible the answer is an error that asks.
"""

from __future__ import annotations

import codecs
import csv
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dlcore.errors import ArgumentError, DataError

# How tables say that a value is missing: nothing, the usual words, and the sign of the UCI archive.
MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "?")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_BEGINNING = 1 << 18  # bytes that are looked at
_ROWS = 100  # rows that are looked at


@dataclass(frozen=True)
class CsvForm:
    """How a CSV file is to be read.

    Attributes:
        encoding: Its encoding, by Python's name.
        separator: The character between values.
        header: Whether its first row names the columns.
        names: Names of its columns; ``column_1``, ``column_2``, … where it has no header.
    """

    encoding: str
    separator: str
    header: bool
    names: tuple[str, ...]


def detect_form(
    path: Path, encoding: str, separator: str, header: bool | str, known: tuple[str, ...] | None = None
) -> CsvForm:
    """Tell the form of a CSV file.

    Args:
        path: The file.
        encoding: Its encoding; a byte order mark of UTF-8 is skipped.
        separator: The character between values, ``tab``, or ``auto``.
        header: Whether the first row names the columns, or ``auto``.
        known: Names that a header must have, where they are known; it is then told by them.

    Raises:
        ArgumentError: Its form cannot be told and must be given.
        DataError: The file is empty, is no text, or is in another encoding.
    """
    text = _beginning(path, encoding)
    chosen = _separator(path, text, separator)
    rows = _rows(text, chosen)
    if not rows:
        raise DataError(f"{path}: expected rows of values, got an empty file.")
    has_header = _header(path, rows, header, known)
    if not has_header:
        return CsvForm(encoding, chosen, False, tuple(f"column_{number + 1}" for number in range(len(rows[0]))))
    names = tuple(name.strip() or f"column_{number + 1}" for number, name in enumerate(rows[0]))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(number + 1) for number, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"{path}: expected a name of its own for each column, got {twice[0]!r} for columns {', '.join(places)}. "
            "Rename one in the file's first line."
        )
    return CsvForm(encoding, chosen, True, names)


def wrong_encoding(path: Path, encoding: str) -> DataError:
    """The error of a file that cannot be decoded."""
    other = "gbk" if encoding.replace("-", "").lower().startswith("utf8") else "utf-8"
    return DataError(
        f"{path}: expected text in {encoding}, got bytes that are none. Give the file's own encoding, for example "
        f"--data.encoding {other}."
    )


def is_number(cell: str) -> bool:
    """Whether a cell's text is a finite number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _beginning(path: Path, encoding: str) -> str:
    """The first whole lines of the file."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise ArgumentError("encoding", "the name of an encoding (utf-8, gbk, …)", encoding) from None
    with path.open("rb") as file:
        content = file.read(_BEGINNING)
        whole = not file.read(1)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and "16" not in encoding:
        raise DataError(f"{path}: expected text in {encoding}, got UTF-16. Give it: --data.encoding utf-16.")
    if b"\0" in content and "16" not in encoding and "32" not in encoding:
        raise DataError(
            f"{path}: expected a CSV file, got a binary one. A spreadsheet must be saved as CSV first, an archive "
            "unpacked."
        )
    try:
        text = decoder.decode(content, final=whole).removeprefix("\ufeff")
    except UnicodeError:
        raise wrong_encoding(path, encoding) from None
    return text if whole else text[: text.rfind("\n") + 1] or text


def _rows(text: str, separator: str) -> list[list[str]]:
    """The first rows that are not blank."""
    rows: list[list[str]] = []
    for row in csv.reader(text.splitlines(keepends=True), delimiter=separator, skipinitialspace=True):
        if row:
            rows.append(row)
        if len(rows) > _ROWS:
            break
    return rows


def _separator(path: Path, text: str, wanted: str) -> str:
    if wanted != "auto":
        chosen = SEPARATORS.get(wanted, wanted)
        if len(chosen) != 1 or chosen in '"\r\n':
            raise ArgumentError("separator", "auto, tab or one character", wanted)
        return chosen
    widths = {sign: [len(row) for row in _rows(text, sign)] for sign in SEPARATORS.values()}
    candidates = [sign for sign, found in widths.items() if found and found[0] > 1]
    if len(candidates) > 1:  # a comma may be a decimal point between semicolons: only one of them cuts evenly
        candidates = [sign for sign in candidates if len(set(widths[sign])) == 1] or candidates
    if len(candidates) > 1:
        signs = " and ".join("tab" if sign == "\t" else f"{sign!r}" for sign in candidates)
        raise ArgumentError(
            "separator", f"one of the possible ones, {signs}", "auto", f"{path} can be read with each of them."
        )
    return candidates[0] if candidates else ","


def _header(path: Path, rows: list[list[str]], wanted: bool | str, known: tuple[str, ...] | None) -> bool:
    if isinstance(wanted, bool):
        return wanted
    first, below = rows[0], rows[1:]
    if known is not None and set(known) <= {name.strip() for name in first}:
        return True
    numbers_on_top = any(is_number(cell) for cell in first)
    names_over_numbers = any(
        cell.strip() not in MISSING and not is_number(cell) and _has_numbers(below, number)
        for number, cell in enumerate(first)
    )
    if numbers_on_top == names_over_numbers:
        reason = "it has numbers, and also words over numbers" if numbers_on_top else "no column tells"
        raise ArgumentError(
            "header",
            "true or false",
            "auto",
            f"Whether the first line of {path} names the columns cannot be told: {reason}.",
        )
    return names_over_numbers


def _has_numbers(rows: list[list[str]], column: int) -> bool:
    """Whether a column has numbers and nothing else, as far as its values are there."""
    cells = [row[column] for row in rows if len(row) > column and row[column].strip() not in MISSING]
    return bool(cells) and all(is_number(cell) for cell in cells)
