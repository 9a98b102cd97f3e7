"""Output to a terminal: colours, widths and aligned columns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.text import Text

from dlcore.plain_text import printable
from dlcore.plain_text import shell_word as shell_word

HEADING, NAME, VALUE, QUIET = "bold", "cyan", "green", "dim"
_WIDEST = 110  # longer lines are hard to read


class PlainConsole(Console):
    """A console that shows text unchanged, except for control characters, which it spells out."""

    def __init__(self) -> None:
        super().__init__(markup=False, highlight=False, emoji=False)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the printed segments with control characters spelled out; colours are added later, and stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def open_console() -> Console:
    """Return a console on standard output that shows text unchanged.

    It has colours on a terminal only and honours NO_COLOR. A character that the output's encoding lacks becomes a
    question mark instead of ending the program.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    console = PlainConsole()
    console.width = min(console.width, _WIDEST)
    return console


def print_columns(
    console: Console, rows: Sequence[tuple[Text | str, Text | str]], *, column: int, indent: int = 2
) -> None:
    """Print names on the left and their meanings on the right, wrapped with a hanging indent.

    Args:
        console: Where to print.
        rows: Pairs of name and meaning.
        column: Start of the meanings, in columns from the left. A longer name has its meaning below.
        indent: Columns left of the names.
    """
    for left, right in rows:
        name = Text(" " * indent).append_text(_as_text(left))
        meaning = list(_as_text(right).wrap(console, max(console.width - column, 20)))
        if name.cell_len + 2 > column:
            console.print(name, soft_wrap=True)
            meaning = meaning if _as_text(right) else []
        else:
            name.append(" " * (column - name.cell_len))
            console.print(_stripped(name.append_text(meaning.pop(0))), soft_wrap=True)
        for line in meaning:
            console.print(Text(" " * column).append_text(_stripped(line)), soft_wrap=True)


def print_paragraph(console: Console, text: Text | str, *, indent: int = 0) -> None:
    """Print text wrapped to the console's width."""
    for line in _as_text(text).wrap(console, max(console.width - indent, 20)):
        console.print(Text(" " * indent).append_text(_stripped(line)), soft_wrap=True)


def _as_text(content: Text | str) -> Text:
    return content if isinstance(content, Text) else Text(content)


def _stripped(line: Text) -> Text:
    line.rstrip()
    return line


def tensorboard_command(folder: str) -> str:
    """Return the command to see curves, with the page to open: TensorBoard's first page shows histograms first."""
    return f"tensorboard --logdir {shell_word(folder)}  # then open http://localhost:6006/#scalars"
