"""The form of a generated text: its length, its lines, their first characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dlcore.errors import ArgumentError, check_number

# Longest line if neither a line length nor the text's length limits it.
LONGEST_LINE = 30
_DEFAULT_LENGTH, _DEFAULT_LINES = 100, 4


@dataclass(frozen=True)
class TextConstraints:
    """The form of the text after the prompt, which does not count here.

    Args:
        length: Characters or tokens to generate, exactly, including line breaks and punctuation; left out, 100, or as
            `lines` require.
        unit: What `length` counts: characters or tokens.
        lines: Lines to generate, exactly; left out, as many as `length` gives; without a length as many as the acrostic
            has characters, or with a line length 4.
        line_length: Chinese characters in each line, exactly, followed by at most one punctuation mark and then a line
            break. Left out, the network ends the lines (with `lines`, after 30 characters at most).
        acrostic: First characters of the lines, one per line (藏头); after the last of them lines are free.
        stop_at_end: Stop when the network ends the document, even before `length`; otherwise the next document
            follows, after an empty line.

    The prompt's last line is a beginning: the text continues it if the form allows that, and starts a new line
    otherwise.

    Raises:
        ArgumentError: A value lies outside its range, or two of them are incompatible.
    """

    length: int | None = None
    unit: Literal["characters", "tokens"] = "characters"
    lines: int | None = None
    line_length: int | None = None
    acrostic: str = ""
    stop_at_end: bool = False

    def __post_init__(self) -> None:
        for name in ("length", "lines", "line_length"):
            if (value := getattr(self, name)) is not None:
                check_number(name, value, at_least=1, whole=True)
        if self.unit not in ("characters", "tokens"):
            raise ArgumentError("unit", "characters or tokens", self.unit)
        if any(character.isspace() for character in self.acrostic):
            raise ArgumentError("acrostic", "characters without blanks and line breaks", self.acrostic)
        if self.length is not None and self.lines is not None:
            raise ArgumentError("lines", "no number where length is given", self.lines, "Leave one of them out.")
        if not self.has_lines:
            return
        if self.unit == "tokens":
            remedy = "Leave out unit, or lines, line_length and acrostic."
            raise ArgumentError("unit", "characters where the lines have a form", self.unit, remedy)
        if self.stop_at_end:
            raise ArgumentError("stop_at_end", "false where the lines have a form", True, "The form says the end.")
        if self.line_count is not None and self.line_count < len(self.acrostic):
            raise ArgumentError("lines", f"at least {len(self.acrostic)}, one a character of the acrostic", self.lines)

    @property
    def has_lines(self) -> bool:
        """Whether the form restricts lines."""
        return self.lines is not None or self.line_length is not None or bool(self.acrostic)

    @property
    def total(self) -> int | None:
        """Characters or tokens to generate; None if the lines determine it."""
        return self.length if self.has_lines else self.length or _DEFAULT_LENGTH

    @property
    def line_count(self) -> int | None:
        """Lines to generate; None if `total` determines it."""
        if not self.has_lines or self.length is not None:
            return None
        return self.lines or len(self.acrostic) or _DEFAULT_LINES
