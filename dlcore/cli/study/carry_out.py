"""Carrying out a study in a terminal: the runs as they go, then the table, the verdicts and where all is."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dlcore.cli.study.display import StudyDisplay
from dlcore.cli.study.request import StudyRequest
from dlcore.cli.terminal import HEADING, NAME, QUIET, open_console, print_columns, print_paragraph, shell_word
from dlcore.errors import Interrupted
from dlcore.studies import pool
from dlcore.studies.outcome import CURVES, REPORT, RESULTS, TABLE, Outcome, check_jobs, run_study
from dlcore.studies.plan import make_plan
from dlcore.studies.tables import claim_rows, table

_COLOURS = {"CONFIRMED": "bold green", "CONTRADICTED": "bold red", "INCONCLUSIVE": "bold yellow"}
_RUNS = Path("lightning_logs")
_WIDE = 105


def carry_out(request: StudyRequest) -> int:
    """Train what is left, and show what came out.

    Returns:
        0; 1 where a run failed.

    Raises:
        Interrupted: Ctrl-C or SIGTERM ended it; what was done is kept.
        DlcoreError: It cannot be carried out.
    """
    console, study = open_console(), request.study
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        with StudyDisplay(console, study.title) as display:
            outcome = run_study(study, _RUNS, request.jobs, request.redo, display.begin, display.end)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"Interrupted. What is done is kept in {_RUNS / study.folder}; the same command goes on.", 130
        ) from error
    finally:
        signal.signal(signal.SIGTERM, before)
    print_outcome(console, outcome)
    return 1 if outcome.results.failures else 0


def dry_run(request: StudyRequest) -> int:
    """List the runs of a study and check their settings.

    Returns:
        0; 1 where a variant cannot be trained.
    """
    console, study = open_console(), request.study
    plan = make_plan(study, _RUNS, request.redo)
    at_once, threads = pool.share_out(len(plan.jobs), request.jobs)
    refused = check_jobs(plan.jobs, at_once, threads)
    console.print(Text(study.title, style=HEADING))
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for head in ("variant", "seed", "state"):
        rows.add_column(head, no_wrap=True)
    waiting = {(job.variant, job.seed): job for job in plan.jobs}
    for variant in study.variants:
        for seed in study.seeds:
            job = waiting.get((variant.name, seed))
            state = "done" if job is None else "goes on where it stopped" if job.goes_on else "to do"
            rows.add_row(Text(variant.name), str(seed), "cannot be trained" if variant.name in refused else state)
    console.print(rows)
    console.print()
    for variant in study.variants:  # never wrapped: a command is copied whole
        words = " ".join(shell_word(word) for word in variant.words(study.seeds[0]))
        console.print(Text(f"{variant.name}: "), Text(f"python -m dlcore fit {words}", style=NAME), soft_wrap=True)
    for name, error in refused.items():
        console.print(Text(f"{name}: {error}", style="red"), soft_wrap=True)
    print_paragraph(
        console,
        Text(f"{len(plan.jobs)} runs to do, {at_once} at a time, {threads} thread{'s' * (threads != 1)} each.", QUIET),
    )
    return 1 if refused else 0


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print the table, the verdicts, what failed and where the files are."""
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
    for name, says, measured, textbook in claim_rows(outcome.verdicts):
        console.print()
        print_paragraph(console, Text.assemble((name, _COLOURS[name]), "  ", says))
        for line in (measured, f"textbook: {textbook}" if textbook else ""):
            if line:
                print_paragraph(console, Text(line, style=QUIET), indent=2)
    for variant, seed, error in results.failures:
        console.print(Text(f"failed: {variant}, seed {seed}: {error}", style="red"), soft_wrap=True)
    if any(run.record.is_sample for run in results.runs):
        print_paragraph(console, Text("built-in sample: the numbers mean nothing for the real data.", style="yellow"))
    if outcome.no_picture:
        print_paragraph(console, Text(outcome.no_picture, style="yellow"))
    console.print()
    files = [
        ("picture", outcome.folder / CURVES),
        ("report", outcome.folder / REPORT),
        ("tables", f"{outcome.folder / RESULTS}, {TABLE}"),
        ("TensorBoard", f"tensorboard --logdir {shell_word(str(outcome.folder))}"),
    ]
    shown_files = files[1:] if outcome.no_picture else files
    rows_of_files = [(Text(name, style=QUIET), str(path)) for name, path in shown_files]
    print_columns(console, rows_of_files, column=13, indent=0)


def _width(rows: list[list[str]], place: int, head: str) -> int:
    """Columns that the cells and the words of the head need, so that neither is broken."""
    return max(*(len(row[place]) for row in rows), *map(len, head.split()))


def _raise_interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
