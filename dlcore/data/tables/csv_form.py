"""Form of a CSV file: encoding, separator, header; detected from its beginning, never guessed.

If two forms are possible, an error asks the user.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dlcore.data.tables.cells import PLAIN, CellFormat
from dlcore.data.tables.text_encoding import check_not_utf8, wrong_encoding
from dlcore.errors import ArgumentError, DataError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_BEGINNING = 1 << 18  # bytes that are read
_ROWS = 100  # rows that are read
_SEPARATOR_LINE = re.compile('"?sep=(.)"?\r?\n')  # Excel's line that declares the separator


@dataclass(frozen=True)
class CsvForm:
    """Form in which to read a CSV file.

    Attributes:
        encoding: Its encoding, by Python's name.
        separator: The character between values.
        header: Whether its first row names the columns.
        names: Names of its columns; ``column_1``, ``column_2``, … without a header.
        blanks: Whether blanks follow separators. Skipping them takes a third of the reading time.
        skipped: Lines before the table: 1 with Excel's ``sep=;``, else 0.
        cells: Format of its cells.
    """

    encoding: str
    separator: str
    header: bool
    names: tuple[str, ...]
    blanks: bool = False
    skipped: int = 0
    cells: CellFormat = PLAIN


def detect_form(
    path: Path,
    encoding: str,
    separator: str,
    header: bool | str,
    known: tuple[str, ...] | None = None,
    cells: CellFormat = PLAIN,
) -> CsvForm:
    """Detect the form of a CSV file.

    Args:
        path: The file.
        encoding: Its encoding; a byte order mark of UTF-8 is skipped.
        separator: The character between values, ``tab``, or ``auto``.
        header: Whether the first row names the columns, or ``auto``.
        known: Names that a header must have, if they are known; the header is then detected by them.
        cells: Format of its cells.

    Raises:
        ArgumentError: Its form cannot be detected and must be given.
        DataError: The file is empty, is no text, or is in another encoding.
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
    has_header = _header(path, rows, header, known, cells)
    blanks = f"{chosen} " in text
    if not has_header:
        names = tuple(f"column_{number + 1}" for number in range(len(rows[0])))
        return CsvForm(encoding, chosen, False, names, blanks, int(bool(told)), cells)
    names = tuple(name.strip() or f"column_{number + 1}" for number, name in enumerate(rows[0]))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(number + 1) for number, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"{path}: expected a name of its own for each column, got {twice[0]!r} for columns {', '.join(places)}. "
            "Rename one in the file's first line."
        )
    return CsvForm(encoding, chosen, True, names, blanks, int(bool(told)), cells)


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
            f"{path}: expected a CSV file, got a binary one. A spreadsheet must be saved as CSV first, an archive "
            "unpacked."
        )
    check_not_utf8(path, encoding, content)
    try:
        text = decoder.decode(content, final=whole).removeprefix("\ufeff")
    except UnicodeError:
        raise wrong_encoding(path, encoding) from None
    return text if whole else text[: text.rfind("\n") + 1] or text


def _rows(text: str, separator: str) -> list[list[str]]:
    """Return the first rows that are not blank."""
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
    if len(candidates) > 1:  # a comma may be a decimal comma between semicolons: only the separator cuts evenly
        candidates = [sign for sign in candidates if len(set(widths[sign])) == 1] or candidates
    if len(candidates) > 1:
        signs = " and ".join("tab" if sign == "\t" else f"{sign!r}" for sign in candidates)
        raise ArgumentError(
            "separator", f"one of the possible ones, {signs}", "auto", f"{path} can be read with each of them."
        )
    return candidates[0] if candidates else ","


def _header(
    path: Path, rows: list[list[str]], wanted: bool | str, known: tuple[str, ...] | None, cells: CellFormat
) -> bool:
    if isinstance(wanted, bool):
        return wanted
    first, *below = [[cell.strip() for cell in row] for row in rows]
    if not below and known is None:
        raise DataError(f"{path}: expected at least two rows, got a single line.")
    if known is not None and set(known) <= set(first):
        return True
    numbers = [cell for cell in first if _is_number(cell, cells)]
    words_over_numbers = any(
        cell not in cells.missing and cell not in numbers and _has_numbers(below, place, cells)
        for place, cell in enumerate(first)
    )
    # Years may be names of columns.
    only_years = bool(numbers) and all(re.fullmatch("(19|20)[0-9][0-9]", cell) for cell in numbers)
    if bool(numbers) == words_over_numbers or only_years:
        reason = "it has numbers that may be names" if numbers else "it has words, but not over numbers"
        raise ArgumentError(
            "header",
            "true or false",
            "auto",
            f"Whether the first line of {path} names the columns cannot be told: {reason}.",
        )
    return words_over_numbers


def _has_numbers(rows: list[list[str]], column: int, cells: CellFormat) -> bool:
    """Return whether most present values of a column are numbers."""
    there = [row[column] for row in rows if len(row) > column and row[column] not in cells.missing]
    return sum(_is_number(cell, cells) for cell in there) > len(there) / 2


def _is_number(cell: str, cells: CellFormat) -> bool:
    """Return whether a cell is a number in this or another format: the column reader reports the format later."""
    return cells.numbers.parse(cell) is not None or bool(cells.numbers.others([cell]))
