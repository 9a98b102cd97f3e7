"""Detects a column's content from its values; an error names a value that cannot be read, with its row.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dlcore.data.tables.cells import PLAIN, CellFormat
from dlcore.data.tables.columns import Column, Kind, Names, Numbers, rows_in_words
from dlcore.errors import DataError
from dlcore.plain_text import flag_words

if TYPE_CHECKING:
    from pandas import Series

_MOSTLY = 0.5  # a text column is numeric with exceptions if more than this share of its values are numbers,
_FEW = 10  # or if more than this many different values are numbers, and fewer are not


@dataclass(frozen=True)
class ColumnReader:
    """Detects and reads the content of columns.

    Args:
        where: The file, for messages.
        cells: Format of its cells.
    """

    where: str
    cells: CellFormat = PLAIN

    def read(
        self,
        series: Series,
        name: str,
        kind: Kind = "auto",
        advice: str = "",
        unit: str | None = None,
        strict: bool = True,
    ) -> Column:
        """Read a column.

        Args:
            series: The column, as pandas read it.
            name: Its name, for messages.
            kind: What it must hold; ``auto`` detects it from the values.
            advice: The remedy for a value that is no number.
            unit: The unit that its numbers must have (``%``, a currency, or nothing); None detects it from the values.
            strict: Whether a value that cannot be read is an error; else it counts as missing, and a note reports it.

        Raises:
            DataError: A column of numbers has text in it, a number that is not finite, or numbers of several units; or
                the numbers have another format than `cells`.
        """
        if kind == "names":
            return _names(series, self.cells.missing)
        if series.dtype.kind in "iufb":
            values, texts = series.to_numpy(np.float64, copy=False), None
            column = Numbers(values, series.dtype.kind == "b")
            wrong = np.isinf(values)
            if unit:
                wrong |= ~column.missing
        else:
            texts = _names(series, self.cells.missing)
            if texts.names and {text.lower() for text in texts.names} <= {"true", "false"}:
                return Numbers(_each(texts, [float(text.lower() == "true") for text in texts.names]), boolean=True)
            parsed = [self.cells.numbers.parse(text) for text in texts.names]
            if kind == "auto" and not _mostly_numbers(texts, [found is not None for found in parsed]):
                self._check_other_formats(texts, name, advice)
                return texts
            column, wrong = self._numbers(texts, parsed, name, unit)
        if not wrong.any():
            return column
        row = int(wrong.argmax())
        shown = f"{column.values[row]:g}" if texts is None else texts.text(row)
        if not strict:
            note = f"{rows_in_words(wrong)} cannot be read, as {shown}: taken as missing"
            return replace(column, values=np.where(wrong, np.nan, column.values), notes=(*column.notes, note))
        text = "" if texts is None else texts.names[texts.codes[row]]
        expected = "finite numbers" if np.isinf(column.values[row]) else "numbers"
        if unit or column.unit:
            expected += f" with {unit or column.unit!r}"
        elif not np.isnan(column.values[row]) and expected == "numbers":
            expected += " without a unit"
        which = ", as in the training" if unit is not None else ", as most of it is" if kind == "auto" else ""
        more = f" ({wrong.sum():,} such rows)" if wrong.sum() > 1 else ""
        hint = self._hint(text, texts, wrong)
        raise DataError(
            f"{self.where}: column {name!r}: expected {expected}{which}, got {shown} in row {_first(wrong)}{more}. "
            f"{hint}{advice or _remedy(name)}"
        )

    def _numbers(
        self, texts: Names, parsed: Sequence[tuple[float, str, bool] | None], name: str, unit: str | None
    ) -> tuple[Numbers, np.ndarray]:
        """Return the numbers, and where one is invalid: not a number, not finite, or with another unit than most."""
        values = _each(texts, [np.nan if found is None else found[0] for found in parsed])
        wrong = (np.isnan(values) & ~texts.missing) | np.isinf(values)
        units = sorted({found[1] for found in parsed if found is not None})
        if len(units) > 1 or (unit is not None and units not in ([], [unit])):
            of_each = _each(texts, [-1.0 if found is None else units.index(found[1]) for found in parsed])
            if unit is None:
                counts = [(of_each == number).sum() for number in range(len(units))]
                unit = units[int(np.argmax(counts))]
            wrong |= (of_each >= 0) & (of_each != (units.index(unit) if unit in units else -2))
        else:
            unit = units[0] if units else ""
        told = [(text, found[0]) for text, found in zip(texts.names, parsed, strict=True) if found and found[2]]
        notes = (f"{told[0][0]!r} is read as {told[0][1]:.12g}",) if told else ()
        return Numbers(values, unit=unit, notes=notes), wrong

    def _check_other_formats(self, texts: Names, name: str, advice: str) -> None:
        """Raise if names are numbers in another format."""
        for other in self.cells.numbers.others(texts.names):
            read = [other.parse(text) is not None for text in texts.names]
            if _mostly_numbers(texts, read):
                rows = _each(texts, [float(found) for found in read]) == 1
                text = texts.names[texts.codes[rows.argmax()]]
                raise DataError(
                    f"{self.where}: column {name!r}: expected numbers or names, got {text!r} in row {_first(rows)}"
                    f"{f' ({rows.sum():,} such rows)' if rows.sum() > 1 else ''}. "
                    f"{self._hint(text, texts, rows)}{advice or _remedy(name)}"
                )

    def _hint(self, text: str, texts: Names | None, wrong: np.ndarray) -> str:
        """Return the flags that make a text a number, or make texts without a digit missing values."""
        written = self.cells.numbers
        ways = [(other.parse(text), written.flags(other)) for other in written.others(texts.names if texts else ())]
        values = {f"{found[0]:.12g}": flags for found, flags in reversed(ways) if found is not None}
        if values:
            return (
                f"Read {text!r} {' or '.join(f'as {value} ({flags})' for value, flags in reversed(values.items()))}. "
            )
        if texts is None or any(sign.isdigit() for sign in text):
            return ""
        words = [word for word in texts.take(np.flatnonzero(wrong)).names if not any(map(str.isdigit, word))]
        flags = flag_words("data.na_values", *self.cells.na_values, *words[:_FEW])
        return f"Take it for a missing value ({flags}). "


def _mostly_numbers(texts: Names, are: Sequence[bool]) -> bool:
    """Return whether a column is numeric with exceptions: most rows, or most of many different values, are numbers."""
    if not any(are):
        return not texts.names
    rows = _each(texts, [float(number) for number in are])
    different = sum(are)
    return bool(np.nanmean(rows) > _MOSTLY) or _FEW < different > len(are) - different


def _names(series: Series, missing: Collection[str]) -> Names:
    """Return names without surrounding blanks, in alphabetical order."""
    import pandas as pd

    codes, found = pd.factorize(series)
    stripped = [str(name).strip() for name in found]
    names = sorted(set(stripped) - set(missing))
    place = {name: number for number, name in enumerate(names)}
    table = np.array([*(place.get(name, -1) for name in stripped), -1], dtype=np.int64)  # a missing value has code -1
    return Names(table[codes], names)


def _each(column: Names, numbers: Sequence[float]) -> np.ndarray:
    """Return for each row the number of its name; NaN where the name is missing."""
    return np.array([*numbers, np.nan], dtype=np.float64)[column.codes]


def _first(rows: np.ndarray) -> str:
    return f"{int(rows.argmax()) + 1:,} (counted from 1, without the header)"


def _remedy(name: str) -> str:
    return (
        f"Correct it, leave the column out ({flag_words('data.ignore', name)}), or take all its values as names "
        f"({flag_words('data.categorical', name)})."
    )
