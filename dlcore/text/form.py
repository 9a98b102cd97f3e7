"""The form that a generated text must have: its length, its lines, how they begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dlcore.errors import ArgumentError, check_number

# Characters to which a line is held where neither a line length nor the text's length bounds it.
LONGEST_LINE = 30
_DEFAULT_LENGTH, _DEFAULT_LINES = 100, 4


@dataclass(frozen=True)
class Form:
    """What a text must look like beyond its prompt, which counts for nothing here.

    Args:
        length: Characters or tokens that are generated, exactly, line breaks and punctuation with them; left out, 100,
            or what `lines` make.
        unit: What `length` counts: characters or tokens.
        lines: Lines that are generated, exactly; left out, what `length` makes; without a length as many as the
            acrostic has characters, or with a line length 4.
        line_length: Chinese characters in each line, exactly; behind them comes at most one punctuation mark, and then
            a line break. Left out, lines end where the network ends them (with `lines`, after 30 characters at most).
        acrostic: Characters with which the lines begin, one a line (藏头); after the last of them lines are free.
        stop_at_end: Stop where the network ends the document, even before `length`; otherwise the next document
            begins there, behind an empty line.

    A prompt's last line is a beginning: the text goes on with it where the form allows that, and on a new line
    otherwise.

    Raises:
        ArgumentError: A value lies outside its range, or two of them cannot go together.
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
        """Whether the form says anything about lines."""
        return self.lines is not None or self.line_length is not None or bool(self.acrostic)

    @property
    def total(self) -> int | None:
        """Characters or tokens that are generated; None where the lines say it."""
        return self.length if self.has_lines else self.length or _DEFAULT_LENGTH

    @property
    def line_count(self) -> int | None:
        """Lines that are generated; None where `total` says it."""
        if not self.has_lines or self.length is not None:
            return None
        return self.lines or len(self.acrostic) or _DEFAULT_LINES
