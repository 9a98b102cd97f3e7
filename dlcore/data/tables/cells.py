"""Format of a table's cells: numbers, and marks of missing values.

Numbers are read as people and spreadsheets write them: ``1.234,50``, ``1'270``, ``(5)`` for -5, ``37 %``, ``€ 3``; and
strictly. pandas' own ``thousands`` removes the separator at any position, so that ``1.5`` becomes 15: here it must
separate groups of three digits.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

# Usual marks of a missing value: nothing, the usual words, and the mark of the UCI archive.
MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "?")
THOUSANDS = {"none": "", ",": ",", ".": ".", "space": " \u00a0\u2009\u202f", "apostrophe": "'’"}
_UNIT = "%|‰|[$€£¥￥₩₹₽]|EUR|USD|CHF|GBP|CNY|RMB|元"


@dataclass(frozen=True)
class NumberFormat:
    """Format of numbers."""

    decimal: str = "."  # the character before the fraction
    # the separator of groups of three digits: a key of `THOUSANDS`; ``auto``: a space, an apostrophe, and the dot with
    # a decimal comma. A comma with a decimal point may be a decimal comma: that is an error
    thousands: str = "auto"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        if self.thousands == "auto":
            groups = THOUSANDS["space"] + THOUSANDS["apostrophe"] + "." * (self.decimal == ",")
        else:
            groups = THOUSANDS[self.thousands]
        point = re.escape(self.decimal)
        grouped = rf"\d{{1,3}}(?P<group>[{re.escape(groups)}])\d{{3}}(?:(?P=group)\d{{3}})*|" if groups else ""
        digits = rf"(?:(?:{grouped}\d+)(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"
        return re.compile(
            rf"(?P<open>\()?(?P<sign>[+−-]?)\s*(?P<before>{_UNIT})?\s*(?P<inner>[+−-]?)(?P<digits>{digits})\s*"
            rf"(?P<after>{_UNIT})?(?P<close>\))?"
        )

    def parse(self, text: str) -> tuple[float, str, bool] | None:
        """Return a number, its unit (``%``, a currency, or none), and whether to print a note; None for no number."""
        found = self._pattern.fullmatch(text)
        if found is None or (found["open"] is None) != (found["close"] is None):
            return None
        before, after, signs = found["before"], found["after"], found["sign"] + found["inner"]
        if (before and after) or len(signs) > 1 or (found["open"] and signs):
            return None
        digits = found["digits"]
        group = found["group"] if "group" in self._pattern.groupindex else None
        if group:
            digits = digits.replace(group, "")
        number = float(digits.replace(self.decimal, "."))
        unit = before or after or ""
        told = bool(found["open"] or unit or (group and self.thousands == "auto"))
        return (-number if found["open"] or signs in ("-", "−") else number), unit, told

    def others(self, texts: Collection[str]) -> list[NumberFormat]:
        """Return other formats in which more of the texts are numbers; the likeliest first."""
        formats = [NumberFormat(",", "auto"), NumberFormat(".", ","), NumberFormat(".", "auto")]
        counts = {other: sum(map(other._reads, texts)) for other in formats if other != self}
        most = max(counts.values())
        if most <= sum(map(self._reads, texts)):
            return []
        best = [other for other, count in counts.items() if count == most]
        # Three digits after each comma: more likely thousands than fractions.
        commas = [text for text in texts if "," in text]
        thousands = bool(commas) and all(re.search(r",\d{3}(\D|$)", text) for text in commas)
        return sorted(best, key=lambda other: other.thousands == "auto", reverse=not thousands)

    def _reads(self, text: str) -> bool:
        return self._pattern.fullmatch(text) is not None

    def flags(self, other: NumberFormat) -> str:
        """Return the flags to read numbers in the other format."""
        decimal = f"--data.decimal {other.decimal}" if other.decimal != self.decimal else ""
        thousands = f"--data.thousands {other.thousands}" if other.thousands != self.thousands else ""
        return " ".join(filter(None, (decimal, thousands)))


@dataclass(frozen=True)
class CellFormat:
    """Format of a table's cells."""

    numbers: NumberFormat = NumberFormat()  # format of numbers
    na_values: tuple[str, ...] = ()  # marks of a missing value, in addition to `MISSING`

    @property
    def missing(self) -> tuple[str, ...]:
        """All marks of a missing value."""
        return (*MISSING, *self.na_values)


PLAIN = CellFormat()  # the format that most programs write
