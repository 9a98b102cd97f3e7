"""Text within Markdown, to the letter."""

from __future__ import annotations

import re

# An underscore within a word is none; one at its edge may begin or end what is set in italics.
_SIGNS = re.compile(r"[\\`*\[\]<>|]|(?<!\w)_|_(?!\w)|~(?=~)")
# A line that begins so would be a heading, a list or a quotation.
_AT_THE_START = re.compile(r"^(\d*)([#+=.)-])(?=[\s#=-]|$)")


def escaped(text: str) -> str:
    """Text in one line, whose signs mean nothing to Markdown. Letters of any script stay as they are.

    Args:
        text: Any text; breaks of lines become blanks, so that it also fits into a cell of a table.
    """
    line = _SIGNS.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
    return _AT_THE_START.sub(r"\1\\\2", line)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table; all columns but the first are aligned to the right.

    Args:
        heads: The columns' names.
        rows: The cells of each row, as many as there are columns; they are escaped here.
    """
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (map(escaped, heads), rule, *(map(escaped, row) for row in rows))]
