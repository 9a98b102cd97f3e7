"""A column of a table as read: numbers, or names given as codes.

Shapes: N rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        values: The numbers (N,), float64; NaN where one is missing. True and false are 1 and 0.
        boolean: Whether the file has them as true and false.
        unit: The unit of each number: ``%``, a currency, or nothing.
        notes: Notes about how they were read.
    """

    values: np.ndarray
    boolean: bool = False
    unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> np.ndarray:
        """Where a value is missing (N,)."""
        return np.isnan(self.values)

    def take(self, rows: np.ndarray) -> Numbers:
        """Return some of the rows."""
        return replace(self, values=self.values[rows])

    def text(self, row: int) -> str:
        """Return the value of a row, for a message."""
        return f"{self.values[row]:g}"


@dataclass(frozen=True)
class Names:
    """A column of names.

    Attributes:
        codes: Positions in `names` (N,), int64; -1 where one is missing.
        names: The different names, in alphabetical order.
        notes: Notes about how they were read.
    """

    codes: np.ndarray
    names: list[str]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> np.ndarray:
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


Column = Numbers | Names
Kind = Literal["auto", "numbers", "names"]


def rows_in_words(rows: np.ndarray) -> str:
    """Return how many rows there are and the first of them, counted from 1 without the header."""
    first = ", ".join(f"{row + 1:,}" for row in np.flatnonzero(rows)[:3])
    count = int(rows.sum())
    return (
        f"{count:,} row{'s' if count > 1 else ''} (row{'s' if count > 1 else ''} {first}{', …' if count > 3 else ''})"
    )
