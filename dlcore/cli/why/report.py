"""A report of ``why``: printed in the terminal, drawn as PNG and kept as one self-contained page."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from rich.text import Text

from dlcore.cli.terminal import QUIET, new_table, open_console, print_columns, print_hints, print_paragraph, short_path
from dlcore.errors import DataError
from dlcore.insight.attribution.checks import MapCheck
from dlcore.plain_text import file_name, printable
from dlcore.runs.folder import run_of_checkpoint
from dlcore.tracking.figures.style import to_png
from dlcore.tracking.run_file import replace_file, writing
from dlcore.translation import _, language, ngettext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dlcore.insight.attribution.trained import Trained

FOLDER = "why"
MOST_MISTAKES, LISTED_MISTAKES = 50, 10  # of rows or texts: that are explained together; that are listed


@dataclass
class Report:
    """What is said of an answer.

    Attributes:
        checkpoint: The model's checkpoint: the files are kept in its run's folder.
        name: Name of the files, without ending.
        title: Title of the page.
        figure: The figure.
        rows: Facts: name and text.
        heads: Heads of the table's columns; ``>`` before one aligns it to the right.
        table: Its rows.
        checks: The checks, by the name of what is checked.
        words: A text's words with their share of the greatest contribution, -1 to 1, coloured on the page.
        shown: The text for the terminal.
        notes: How it is to be read, for the page.
        hints: What to type next.
    """

    checkpoint: Path | None
    name: str
    title: str
    figure: Figure
    rows: list[tuple[str, str]]
    heads: Sequence[str] = ()
    table: list[list[str]] = field(default_factory=list)
    checks: dict[str, MapCheck] = field(default_factory=dict)
    words: list[tuple[str, float]] = field(default_factory=list)
    shown: Text | None = None
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def show(self) -> None:
        """Write the files, and print the report."""
        png, page = self._write()
        console = open_console()
        if self.shown is not None:
            console.print(self.shown, soft_wrap=True)
        print_columns(console, [(Text(name, style=QUIET), text) for name, text in self.rows], column=16, indent=0)
        for heads, rows in self.tables():
            table = new_table(*heads)
            for row in rows:
                table.add_row(*row)
            console.print()
            console.print(table)
        for line in self.verdicts():
            print_paragraph(console, Text(line, style="red"))
        console.print()
        paths = [(_("picture"), short_path(png)), (_("page"), short_path(page))]
        print_columns(console, [(Text(name, style=QUIET), path) for name, path in paths], column=16, indent=0)
        if self.hints:
            print_hints(console, *self.hints)

    def tables(self) -> list[tuple[Sequence[str], list[list[str]]]]:
        """Return the tables, each with its heads: the report's own, and the checks."""
        heads = [_("check"), *(">" + each for each in (_("answer"), _("without it"), _("at random"), _("weights")))]
        heads.append(_("explains"))
        rows = [[name, *check_cells(check)] for name, check in self.checks.items()]
        own = [(self.heads, self.table)] if self.table else []
        return [*own, (heads, rows)] if rows else own

    def verdicts(self) -> list[str]:
        """Return a line for each check that fails."""
        said = _("{name}: this map does not explain the answer: {why}.")
        return [
            said.format(name=name, why=_("; ").join(check.fails)) for name, check in self.checks.items() if check.fails
        ]

    def _write(self) -> tuple[Path, Path]:
        run = run_of_checkpoint(self.checkpoint)
        folder = (run if run is not None and os.access(run, os.W_OK) else Path()) / FOLDER
        with writing(folder):
            folder.mkdir(exist_ok=True)
        png, page = (folder / f"{file_name(self.name)}{ending}" for ending in (".png", ".html"))
        content = to_png(self.figure)[0]
        replace_file(png, content)
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("dlcore.cli"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        picture = base64.b64encode(content).decode()
        html_lang = "zh-CN" if language() == "zh" else "en"
        text = environment.get_template("why.html.j2").render(report=self, picture=picture, html_lang=html_lang, _=_)
        replace_file(page, printable(text).encode(errors="replace"))
        return png, page


def check_cells(check: MapCheck) -> list[str]:
    """Return the numbers of a check as texts, and whether it is passed."""
    before, deleted, at_random = (
        f"Δ {-value:.3g}" if check.of_number else percent(value)
        for value in (check.before, check.deleted, check.at_random)
    )
    verdict = _("no") if check.fails else _("yes") if check.count else _("too few parts")
    cells = [deleted, at_random] if check.count else ["–", "–"]
    correlation = "–" if math.isnan(check.correlation) else f"ρ {check.correlation:.2f}"
    return ["–" if check.of_number else before, *cells, correlation, verdict]


def check_note() -> str:
    """Return how the checks are to be read."""
    return _(
        "The checks. “without it”: the fifth that matters most becomes the baseline (words are left out); the answer "
        "must fall by more than without a fifth “at random”, the mean of 20 draws (of a picture, a draw moves that "
        "fifth to another place). “weights”: networks whose weights are in random order must give another map; ρ is "
        "the mean rank correlation with theirs (Adebayo et al. 2018, arXiv:1810.03292), and from 0.5 on the map says "
        "little of what was learned. An answer that rests on what is absent fails too: only what is there can be "
        "deleted."
    )


def for_and_against() -> str:
    """Return what the colours of a figure mean."""
    return _("Orange speaks for the answer, blue against it.")


def why_again(trained: Trained, *words: str) -> str:
    """Return the command that explains something else of the same model."""
    line = trained.command.request.line().replace("dlcore test", "dlcore why", 1)
    return " ".join([line, *words])


def percent(share: float) -> str:
    """Return a probability as text, never rounded to 0% or 100%."""
    return "< 0.1%" if share < 0.0005 else "> 99.9%" if share >= 0.9995 else f"{share:.1%}"


def no_mistakes(total: int) -> DataError:
    """Return the error that there is no wrong answer."""
    return DataError(f"--mistakes: expected a wrong answer, but all {total:,} of the test split are right.")


def parts_left_out(count: int) -> str:
    """Return how many words were not read."""
    return ngettext("{n:,} word is not read", "{n:,} words are not read", count).format(n=count)
