"""Print the results of studies in a terminal: tables, verdicts, failures, paths of the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dlcore.cli.terminal import HEADING, NAME, QUIET, print_columns, print_paragraph, tensorboard_command
from dlcore.studies.outcome import REPORT, RESULTS, TABLE, Outcome, counted
from dlcore.studies.tables import claim_rows, claim_values, table, why_not
from dlcore.tracking.metric_names import GAP

_COLOURS = {"CONFIRMED": "bold green", "CONTRADICTED": "bold red", "INCONCLUSIVE": "bold yellow", "SKIPPED": QUIET}
_WIDE = 105
_VERDICT = 14  # columns


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print the table, the verdicts, the failures and the paths of the files."""
    results = outcome.results
    heads, rows = table(results, brief=console.width < _WIDE)
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for place, head in enumerate(heads):
        shown.add_column(
            head, justify="left" if not place else "right", min_width=None if not place else _width(rows, place, head)
        )
    for row in rows:
        shown.add_row(*(Text(cell, style=NAME if not place else "") for place, cell in enumerate(row)))
    console.print()
    console.print(shown)
    print_paragraph(console, Text(f"{GAP}. {results.study.cuts}".rstrip(), style=QUIET))
    for name, says, measured, textbook, why in claim_rows(outcome.verdicts):
        console.print()
        print_paragraph(console, Text.assemble((name, _COLOURS[name]), "  ", says))
        for line in (measured, f"textbook: {textbook}" if textbook else "", f"why: {why}" if why else ""):
            if line:
                print_paragraph(console, Text(line, style=QUIET), indent=2)
    _print_warnings(console, outcome)
    console.print()
    files: list[tuple[str, Path | str]] = [
        (f"{place + 1}. picture" if len(outcome.pictures) > 1 else "picture", picture.path)
        for place, picture in enumerate(outcome.pictures)
        if picture.path is not None
    ]
    files += [
        ("report", outcome.folder / REPORT),
        ("tables", f"{outcome.folder / RESULTS}, {TABLE}"),
        ("TensorBoard", tensorboard_command(str(outcome.folder))),
    ]
    print_files(console, files)


def print_summary(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print the claims of several studies as one table: study, verdict, claim, measurement, textbook."""
    console.print()
    for outcome in outcomes:
        study = outcome.results.study
        console.print(Text.assemble((study.name, f"{NAME} bold"), "  ", (study.title, HEADING)))
        for claim, verdict in outcome.verdicts:
            values = verdict.why or claim_values(outcome.results, claim)
            book = f"; textbook: {claim.textbook}" if claim.textbook else ""
            why = f"\nwhy: {why_not(claim, verdict)}" if why_not(claim, verdict) else ""
            words = Text.assemble(claim.says, "\n", (f"{values}{book}{why}", QUIET))
            print_columns(console, [(Text(verdict.name, _COLOURS[verdict.name]), words)], column=_VERDICT + 2)
        if not outcome.verdicts:
            print_paragraph(console, Text("no claims", style=QUIET), indent=2)
        _print_warnings(console, outcome)
        console.print()
    console.print(Text(counted([outcome.verdicts for outcome in outcomes]), style=HEADING))
    console.print()


def print_files(console: Console, files: Sequence[tuple[str, Path | str]]) -> None:
    """Print the paths of files, each with its kind."""
    print_columns(console, [(Text(name, style=QUIET), str(path)) for name, path in files], column=13, indent=0)


def _print_warnings(console: Console, outcome: Outcome) -> None:
    """Print warnings about the numbers: failed runs, a built-in sample, missing pictures."""
    results = outcome.results
    for variant, seed, error in results.failures:
        console.print(Text(f"failed: {variant}, seed {seed}: {error}", style="red"), soft_wrap=True)
    if any(run.record.is_sample for run in results.runs):
        print_paragraph(console, Text("built-in sample: the numbers mean nothing for the real data.", style="yellow"))
    for picture in outcome.pictures:
        if picture.path is None:
            print_paragraph(console, Text(picture.text, style="yellow"))


def _width(rows: list[list[str]], place: int, head: str) -> int:
    """Return the width of a column's cells and of the words of its head, so that neither is broken."""
    return max(*(len(row[place]) for row in rows), *map(len, head.split()))
