"""A column of a table as read: numbers, or names given as codes.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dlcore.data.tables.csv_form import MISSING
from dlcore.errors import DataError

if TYPE_CHECKING:
    from pandas import Series

_MOSTLY = 0.5  # a column of text is one of numbers with mistakes in it when this share of its values are numbers


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        values: The numbers (N,), float64; NaN where one is missing. True and false are 1 and 0.
        boolean: Whether they stood there as true and false.
    """

    values: np.ndarray
    boolean: bool = False

    @property
    def missing(self) -> np.ndarray:
        """Where a value is missing (N,)."""
        return np.isnan(self.values)

    def take(self, rows: np.ndarray) -> Numbers:
        """Some of the rows."""
        return Numbers(self.values[rows], self.boolean)

    def text(self, row: int) -> str:
        """The value of a row, for a message."""
        return f"{self.values[row]:g}"


@dataclass(frozen=True)
class Names:
    """A column of names.

    Attributes:
        codes: Positions in `names` (N,), int64; -1 where one is missing.
        names: The different names, in the order of the alphabet.
    """

    codes: np.ndarray
    names: list[str]

    @property
    def missing(self) -> np.ndarray:
        """Where a name is missing (N,)."""
        return self.codes < 0

    def take(self, rows: np.ndarray) -> Names:
        """Some of the rows, with the names that they have."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        # Of the codes found, -1 comes first.
        return Names(codes - int(-1 in used), [self.names[code] for code in used if code >= 0])

    def text(self, row: int) -> str:
        """The name of a row, for a message."""
        return repr(self.names[self.codes[row]])


Column = Numbers | Names
Kind = Literal["auto", "numbers", "names"]


def read_column(series: Series, name: str, where: str, kind: Kind = "auto", advice: str = "") -> Column:
    """Tell what a column holds.

    Args:
        series: The column, as pandas read it.
        name: Its name, for messages.
        where: The file, for messages.
        kind: What it must hold; ``auto`` tells it from the values.
        advice: What to do about a value that is no number, beside correcting it.

    Raises:
        DataError: A column of numbers has text in it, or a number that is not finite.
    """
    if kind == "names":
        return _names(series)
    if series.dtype.kind in "iufb":
        values = series.to_numpy(np.float64, copy=False)
        infinite = np.isinf(values)
        if infinite.any():
            raise DataError(
                f"{where}: column {name!r} has an infinite value in row {_first(infinite)}. {_remedy(name)}"
            )
        return Numbers(values, series.dtype.kind == "b")
    found = _names(series)
    if found.names and {text.lower() for text in found.names} <= {"true", "false"}:
        return Numbers(_each(found, lambda text: text.lower() == "true"), boolean=True)
    numbers = _each(found, _number)
    wrong = np.isnan(numbers) & ~found.missing
    if not wrong.any():  # also a column without any value
        return Numbers(numbers)
    present = len(numbers) - found.missing.sum()
    if kind == "numbers" or wrong.sum() < _MOSTLY * present:
        count, text = int(wrong.sum()), found.names[found.codes[wrong.argmax()]]
        more = f" ({count:,} such rows)" if count > 1 else ""
        comma = "," in text and _number(text.replace(",", ".", 1)) == _number(text.replace(",", ".", 1))
        hint = "Is the comma before its fraction? Then --data.decimal ,. " if comma else ""
        raise DataError(
            f"{where}: column {name!r}: expected numbers{'' if kind == 'numbers' else ', as most of it is'}, got "
            f"{text!r} in row {_first(wrong)}{more}. {hint}{advice or _remedy(name)}"
        )
    return found


def rows_in_words(rows: np.ndarray) -> str:
    """How many rows, and the first of them, counted from 1 without the header."""
    first = ", ".join(f"{row + 1:,}" for row in np.flatnonzero(rows)[:3])
    count = int(rows.sum())
    return (
        f"{count:,} row{'s' if count > 1 else ''} (row{'s' if count > 1 else ''} {first}{', …' if count > 3 else ''})"
    )


def _names(series: Series) -> Names:
    """Names without blanks around them, in the order of the alphabet."""
    import pandas as pd

    codes, found = pd.factorize(series)
    stripped = [str(name).strip() for name in found]
    names = sorted(set(stripped) - set(MISSING))
    place = {name: number for number, name in enumerate(names)}
    table = np.array([*(place.get(name, -1) for name in stripped), -1], dtype=np.int64)  # a missing one is code -1
    return Names(table[codes], names)


def _each(column: Names, convert: Callable[[str], Any]) -> np.ndarray:
    """A number for each row, converted once a name."""
    return np.array([*(convert(name) for name in column.names), np.nan], dtype=np.float64)[column.codes]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _first(rows: np.ndarray) -> str:
    return f"{int(rows.argmax()) + 1:,} (counted from 1, without the header)"


def _remedy(name: str) -> str:
    return (
        f"Correct it, leave the column out (--data.ignore {name}), or take all its values as names "
        f"(--data.categorical {name})."
    )
