"""Escaping of text in Markdown, and tables."""

from __future__ import annotations

import re

# An underscore within a word is harmless; at its edge it may start or end italics.
_SIGNS = re.compile(r"[\\`*\[\]<>|]|(?<!\w)_|_(?!\w)|~(?=~)")
# Beginnings of a line that would make it a heading or a list.
_AT_THE_START = re.compile(r"^(\d*)([#+=.)-])(?=[\s#=-]|$)")


def escaped(text: str) -> str:
    """Put text on one line and escape Markdown's special characters. Letters of any script do not change.

    Args:
        text: Any text; line breaks become blanks, so that it also fits into a table cell.
    """
    line = _SIGNS.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
    return _AT_THE_START.sub(r"\1\\\2", line)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table; all columns except the first are right-aligned.

    Args:
        heads: The columns' names.
        rows: The cells of each row, one per column; this function escapes them.
    """
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (map(escaped, heads), rule, *(map(escaped, row) for row in rows))]
