"""Remarks about a table's columns that can be read but may not be what the user meant.

Shapes: N rows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from dlcore.data.tables.columns import Column, Names, Numbers
from dlcore.data.tables.dates import date_text
from dlcore.errors import DataError
from dlcore.plain_text import flag_words

# The names that `detect_form`, pandas and its Parquet files give.
_NAMELESS = re.compile(r"column_\d+|Unnamed: \d+(\.\d+)*|__index_level_\d+__")
_DATE = re.compile(r"\d{1,4}[-./年]\d{1,2}[-./月]\d{1,4}日?([ T]\d{1,2}:\d{2}.*)?")
_FEW = 3  # so few rows may be numbered by chance


def check_spellings(where: str, name: str, column: Column) -> None:
    """Raise a `DataError` if two classes of the target are one word in different spellings (case, blanks)."""
    if isinstance(column, Names) and (alike := _alike(column.names)):
        rows = [int((column.codes == column.names.index(text)).argmax()) + 1 for text in alike]
        spelled = [f"{text!r} in row {row:,}" for text, row in zip(alike, rows, strict=True)]
        raise DataError(
            f"{where}: target {name!r}: expected one spelling of each class, got {' and '.join(spelled)}. Spell them "
            f"alike; if they are different classes: {flag_words('data.categorical', name)}."
        )


def row_numbers(columns: Mapping[str, Column]) -> list[str]:
    """Return columns without a name that number the rows. They reveal the target if rows are sorted by it."""
    found = []
    for name, column in columns.items():
        if _NAMELESS.fullmatch(name) and isinstance(column, Numbers) and len(column.values) > _FEW and not column.dates:
            whole = (column.values == np.rint(column.values)).all()  # NaN is never equal
            found += [name] * bool(whole and len(np.unique(column.values)) == len(column.values))
    return found


def remarks(columns: Mapping[str, Column]) -> list[str]:
    """Return the remarks about input columns."""
    said = []
    for name, column in columns.items():
        if isinstance(column, Numbers) and column.dates and not column.missing.all():
            ends = " to ".join(date_text(end) for end in (np.nanmin(column.values), np.nanmax(column.values)))
            said.append(
                f"column {name!r} has dates, {ends}: read as days (--data.dates cycles adds the weekday and the time "
                f"of year; {flag_words('data.categorical', name)} makes each a category)"
            )
        elif isinstance(column, Numbers):
            parts = (column.values[: _FEW + 1], column.values)  # the first values are enough for most columns
            if len(column.values) > _FEW and all((np.diff(part) == 1).all() for part in parts):
                said.append(
                    f"column {name!r} numbers the rows: it reveals the target if the rows are sorted by it "
                    f"({flag_words('data.ignore', name)} leaves it out)"
                )
        elif alike := _alike(column.names):
            spelled = " and ".join(map(repr, alike))
            said.append(f"column {name!r}: {spelled} differ in case or blanks only: they are categories of their own")
        elif column.names and all(map(_DATE.fullmatch, column.names)):
            said.append(
                f"column {name!r} has dates, each a category of its own: a new date matches none of them. Years with "
                "four digits (2024-05-01) are read as days"
            )
    return said


def _alike(names: Iterable[str]) -> list[str]:
    """Return the first names that differ only in case or blanks."""
    spellings = defaultdict(list)
    for name in names:
        spellings["".join(name.casefold().split())].append(name)
    return next((found for found in spellings.values() if len(found) > 1), [])
