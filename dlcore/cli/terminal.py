"""Output to a terminal: colours, widths and aligned columns."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dlcore.plain_text import printable
from dlcore.plain_text import shell_word as shell_word
from dlcore.translation import _

HEADING, NAME, VALUE, QUIET = "bold", "cyan", "green", "dim"
_WIDEST = 110  # longer lines are hard to read
_CHINESE = "\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
# What a line does not break within: one Chinese character or a word, with signs that open before and close after it.
_WORDS = re.compile(rf"\s*[（「『《【“]*(?:[{_CHINESE}]|[^\s{_CHINESE}]+)?[，。、；：？！）」』》】”…]*\s*")


class PlainConsole(Console):
    """A console that shows text unchanged, except for control characters, which it spells out."""

    def __init__(self) -> None:
        # In a notebook print text, one output for all: rich would make one of each paragraph.
        super().__init__(markup=False, highlight=False, emoji=False, force_jupyter=False)

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
        meaning = _wrapped(right, max(console.width - column, 20))
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
    for line in _wrapped(text, max(console.width - indent, 20)):
        console.print(Text(" " * indent).append_text(_stripped(line)), soft_wrap=True)


def print_heading(console: Console, heading: str, text: str = "") -> None:
    """Print an empty line and a heading, with a dimmed paragraph below it."""
    console.print()
    console.print(Text(heading, style=HEADING))
    if text:
        print_paragraph(console, Text(text, style=QUIET), indent=2)


def print_usage(console: Console, words: str) -> None:
    """Print the usage line of a command: the words after ``python -m dlcore``."""
    console.print(Text.assemble(("Usage: ", HEADING), f"python -m dlcore {words}"), soft_wrap=True)


def print_examples(console: Console, examples: Iterable[str], heading: str = "Examples") -> None:
    """Print command lines without ``python -m dlcore``; they are not wrapped, so that they can be copied whole."""
    print_heading(console, heading)
    for example in examples:
        console.print(Text(f"  python -m dlcore {example}", style=NAME), soft_wrap=True)


def print_names(console: Console, rows: Iterable[tuple[str, Text | str]], column: int) -> None:
    """Print names in colour with their meanings, as `print_columns` does."""
    print_columns(console, [(Text(name, style=NAME), meaning) for name, meaning in rows], column=column)


def print_hints(console: Console, *hints: str) -> None:
    """Print an empty line and dimmed paragraphs: what to type next."""
    console.print()
    for hint in hints:
        print_paragraph(console, Text(hint, style=QUIET))


def new_table(*heads: str, lined: bool = True) -> Table:
    """Return an empty table.

    Args:
        heads: Heads of the columns; one with ``>`` before it is aligned to the right and never wrapped.
        lined: Whether a line is drawn below the heads.
    """
    table = Table(
        box=box.SIMPLE_HEAD if lined else None, show_edge=False, pad_edge=False, padding=(0, 1 if lined else 2, 0, 0)
    )
    for head in heads:
        right = head.startswith(">")
        table.add_column(head.removeprefix(">"), justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def short_path(path: Path | None) -> str:
    """Return a path relative to the working folder if it lies below it; ``none`` without a path."""
    if path is None:
        return "none"
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def one_line_warnings() -> None:
    """Show each warning in one line, without its place in the source."""
    warnings.formatwarning = lambda message, *_: f"dlcore: warning: {printable(str(message))}\n"


def _as_text(content: Text | str) -> Text:
    return content if isinstance(content, Text) else Text(content)


def _wrapped(content: Text | str, width: int) -> list[Text]:
    """Return the lines of a text, at most `width` columns each.

    A line of Chinese breaks between any two characters, but never before a closing sign or after an opening one; rich
    breaks at blanks only.
    """
    lines: list[Text] = []
    for line in _as_text(content).split("\n", allow_blank=True):
        offsets, begin = [], 0
        for word in _WORDS.finditer(line.plain):
            if word.start() > begin and cell_len(line.plain[begin : word.end()].rstrip()) > width:
                begin = word.start()
                offsets.append(begin)
            while cell_len(line.plain[begin : word.end()].rstrip()) > width:  # fold a word longer than a line
                begin += len(chop_cells(line.plain[begin : word.end()], width)[0])
                offsets.append(begin)
        lines += line.divide(offsets)
    return lines


def _stripped(line: Text) -> Text:
    line.rstrip()
    return line


def tensorboard_command(folder: str) -> str:
    """Return the command to see curves, with the page to open: TensorBoard's first page shows histograms first."""
    return f"tensorboard --logdir {shell_word(folder)}  # " + _("then open http://localhost:6006/#scalars")
