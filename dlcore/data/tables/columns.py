"""Columns of a table: numbers, or names given as codes. Their content is detected from the values.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlcore.data.tables.cells import PLAIN, CellFormat
from dlcore.data.tables.dates import date_text, days_of, days_of_series, is_date, is_open, order_of
from dlcore.errors import DataError
from dlcore.plain_text import flag_words

if TYPE_CHECKING:
    from pandas import Series

_MOSTLY = 0.5  # a text column is numeric with exceptions if more than this share of its values are numbers,
_FEW = 10  # or if more than this many different values are numbers, and fewer are not

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Numbers:
    """A column of numbers."""

    values: NDArray[np.float64]  # the numbers (N,), float64; NaN where one is missing. True and false are 1 and 0
    boolean: bool = False  # whether the file has them as true and false
    dates: bool = False  # whether they are dates, in days since 1970-01-01
    day_first: bool | None = None  # of dates: whether 01/02/2024 is the first of February; None: there are none such
    unit: str = ""  # the unit of each number: ``%``, a currency, or nothing
    notes: tuple[str, ...] = ()  # notes about how they were read

    @property
    def missing(self) -> Mask:
        """Where a value is missing (N,)."""
        return np.asarray(np.isnan(self.values))

    def take(self, rows: np.ndarray) -> Numbers:
        """Return some of the rows."""
        return replace(self, values=self.values[rows])

    def text(self, row: int) -> str:
        """Return the value of a row, for a message."""
        return date_text(self.values[row]) if self.dates else f"{self.values[row]:g}"


@dataclass(frozen=True)
class Names:
    """A column of names."""

    codes: NDArray[np.int64]  # positions in `names` (N,), int64; -1 where one is missing
    names: list[str]  # the different names, in alphabetical order
    notes: tuple[str, ...] = ()  # notes about how they were read

    @property
    def missing(self) -> Mask:
        """Where a name is missing (N,)."""
        return self.codes < 0

    def take(self, rows: np.ndarray) -> Names:
        """Return some of the rows; keep only the names that occur in them."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        # np.unique sorts: code -1 comes first.
        return Names(codes - int(-1 in used), [self.names[code] for code in used if code >= 0])

    def text(self, row: int) -> str:
        """Return the name of a row, for a message."""
        return repr(self.names[self.codes[row]])

    def each(self, numbers: Sequence[float]) -> NDArray[np.float64]:
        """Return for each row (N,) the number given for its name; NaN where the name is missing."""
        return np.array([*numbers, np.nan], dtype=np.float64)[self.codes]


Column = Numbers | Names
Kind = Literal["auto", "numbers", "names", "dates"]


def rows_in_words(rows: Mask) -> str:
    """Return how many rows there are and the first of them, counted from 1 without the header."""
    first = ", ".join(f"{row + 1:,}" for row in np.flatnonzero(rows)[:3])
    count, plural = int(rows.sum()), "s" * bool(rows.sum() > 1)
    return f"{count:,} row{plural} (row{plural} {first}{', …' if count > 3 else ''})"


@dataclass(frozen=True)
class ColumnReader:
    """Detects and reads the content of columns."""

    where: str  # the file, for messages
    cells: CellFormat = PLAIN  # format of its cells
    day_first: bool | None = None  # whether 01/02/2024 is the first of February; None: an error, if no other row says

    def read(
        self,
        series: Series,
        name: str,
        kind: Kind = "auto",
        advice: str = "",
        unit: str | None = None,
        strict: bool = True,
    ) -> Column:
        """Read a column, as pandas read it; ``auto`` detects the kind from the values.

        With a unit (``%``, a currency, or nothing), its numbers must have that one; None detects it. A value that
        cannot be read (text among numbers, a number that is not finite, or with another unit or format) is a
        `DataError`, with advice as the remedy; unless strict, it counts as missing, and a note reports it.
        """
        if kind == "names":
            return _names(series, self.cells.missing)
        if series.dtype.kind == "M" and kind != "numbers":
            return Numbers(days_of_series(series), dates=True)
        if kind == "dates" or (kind == "auto" and series.dtype.kind not in "iufb"):
            found = _names(series, self.cells.missing)
            if kind == "dates" or (found.names and _mostly(found, list(map(is_date, found.names)))):
                return self._dates(found, name, advice)
        if series.dtype.kind in "iufb":
            values, texts = series.to_numpy(np.float64, copy=False), None
            column = Numbers(values, series.dtype.kind == "b")
            wrong = np.isinf(values) | (~column.missing if unit else False)
        else:
            texts = _names(series, self.cells.missing)
            if texts.names and {text.lower() for text in texts.names} <= {"true", "false"}:
                return Numbers(texts.each([text.lower() == "true" for text in texts.names]), boolean=True)
            parsed = [self.cells.numbers.parse(text) for text in texts.names]
            if kind == "auto" and not _mostly(texts, [found is not None for found in parsed]):
                for other in self.cells.numbers.others(texts.names):
                    read = [other.parse(text) is not None for text in texts.names]
                    if _mostly(texts, read):
                        wrong = texts.each(read) == 1
                        shown = texts.text(int(wrong.argmax()))
                        raise self._error(name, "numbers or names", shown, wrong, texts, advice)
                return texts
            column, wrong = _numbers(texts, parsed, unit)
        if not wrong.any():
            return column
        row = int(wrong.argmax())
        shown = f"{column.values[row]:g}" if texts is None else texts.text(row)
        if not strict:
            note = f"{rows_in_words(wrong)} cannot be read, such as {shown}: read as missing"
            return replace(column, values=np.where(wrong, np.nan, column.values), notes=(*column.notes, note))
        expected = "finite numbers" if np.isinf(column.values[row]) else "numbers"
        if unit or column.unit:
            expected += f" with {unit or column.unit!r}"
        elif not np.isnan(column.values[row]) and expected == "numbers":
            expected += " without a unit"
        expected += ", as in the training" if unit is not None else ", as most of it is" if kind == "auto" else ""
        raise self._error(name, expected, shown, wrong, texts, advice)

    def _dates(self, texts: Names, name: str, advice: str) -> Numbers:
        order = order_of(texts.names) if self.day_first is None else self.day_first
        both = [(days_of(text), days_of(text, False)) for text in texts.names]
        unclear = texts.each([abs(first - second) > 0 for first, second in both]) == 1
        if order is None and unclear.any():
            first, second = both[texts.codes[unclear.argmax()]]
            ways = f"Choose {date_text(first)} (--data.day_first true) or {date_text(second)} (--data.day_first false)."
            shown = texts.text(int(unclear.argmax()))
            raise self._error(name, "dates whose day and month can be told apart", shown, unclear, None, ways)
        days = texts.each([second if order is False else first for first, second in both])
        wrong = np.isnan(days) & ~texts.missing
        if wrong.any():
            said = f"dates{'' if advice else ', as most of it is'}"
            raise self._error(name, said, texts.text(int(wrong.argmax())), wrong, texts, advice)
        example = next((text for text in texts.names if not text[:4].isdigit()), "")
        note = f"{example!r} is read as {date_text(days_of(example, order is not False))}"
        return Numbers(
            days, False, True, order if any(map(is_open, texts.names)) else None, "", (note,) * bool(example)
        )

    def _error(self, name: str, expected: str, got: str, wrong: Mask, texts: Names | None, advice: str) -> DataError:
        first = f"{int(wrong.argmax()) + 1:,} (counted from 1, without the header)"
        more = f" ({wrong.sum():,} such rows)" if wrong.sum() > 1 else ""
        advice = advice or (
            f"Correct it, leave the column out ({flag_words('data.ignore', name)}), or take all its values as names "
            f"({flag_words('data.categorical', name)})."
        )
        return DataError(
            f"{self.where}: column {name!r}: expected {expected}, got {got} in row {first}{more}. "
            f"{'' if texts is None else self._hint(texts, wrong)}{advice}"
        )

    def _hint(self, texts: Names, wrong: Mask) -> str:
        """Return the flags that make the first wrong text a number, or make texts without a digit missing values."""
        text, written = texts.names[texts.codes[wrong.argmax()]], self.cells.numbers
        ways = [(other.parse(text), written.flags(other)) for other in written.others(texts.names)]
        values = {f"{found[0]:.12g}": flags for found, flags in reversed(ways) if found is not None}
        if values:
            choices = [f"as {value} ({flags})" for value, flags in reversed(values.items())]
            return f"Read {text!r} {' or '.join(choices)}. "
        if any(map(str.isdigit, text)):
            return ""
        words = [word for word in texts.take(np.flatnonzero(wrong)).names if not any(map(str.isdigit, word))]
        flags = flag_words("data.na_values", *self.cells.na_values, *words[:_FEW])
        return f"Read it as a missing value ({flags}). "


def _numbers(
    texts: Names, parsed: Sequence[tuple[float, str, bool] | None], unit: str | None
) -> tuple[Numbers, NDArray[Any]]:
    """Return the numbers, and where one is invalid: not a number, not finite, or with another unit than most."""
    values = texts.each([np.nan if found is None else found[0] for found in parsed])
    wrong = (np.isnan(values) & ~texts.missing) | np.isinf(values)
    units = sorted({found[1] for found in parsed if found is not None})
    unit_of = texts.each([-1 if found is None else units.index(found[1]) for found in parsed])
    if unit is None:
        counts = [(unit_of == number).sum() for number in range(len(units))]
        unit = units[int(np.argmax(counts))] if units else ""
    wrong |= (unit_of >= 0) & (unit_of != (units.index(unit) if unit in units else -1))
    told = [(text, found[0]) for text, found in zip(texts.names, parsed, strict=True) if found and found[2]]
    notes = (f"{told[0][0]!r} is read as {told[0][1]:.12g}",) if told else ()
    return Numbers(values, unit=unit, notes=notes), wrong


def _mostly(texts: Names, are: Sequence[bool]) -> bool:
    """Return whether a column has numbers (or dates) with exceptions: most rows, or most of many different values."""
    if not any(are):
        return not texts.names
    different = sum(are)
    return bool(np.nanmean(texts.each(are)) > _MOSTLY) or _FEW < different > len(are) - different


def _names(series: Series, missing: Collection[str]) -> Names:
    """Return names without surrounding blanks, in alphabetical order."""
    import pandas as pd

    codes, found = pd.factorize(series)
    stripped = [str(name).strip() for name in found]
    names = sorted(set(stripped) - set(missing))
    place = {name: number for number, name in enumerate(names)}
    table = np.array([*(place.get(name, -1) for name in stripped), -1], dtype=np.int64)  # a missing value has code -1
    return Names(table[codes], names)
