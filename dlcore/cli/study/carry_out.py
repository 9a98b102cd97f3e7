"""Carry out studies and searches, and print their results."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dlcore.cli.study.display import StudyDisplay, plain_table
from dlcore.cli.study.study_request import StudyRequest
from dlcore.cli.terminal import (
    HEADING,
    NAME,
    QUIET,
    open_console,
    print_columns,
    print_paragraph,
    shell_word,
    tensorboard_command,
)
from dlcore.errors import Interrupted
from dlcore.studies.executor import Executor, open_executor
from dlcore.studies.folds import fold_lines
from dlcore.studies.outcome import REPORT, RESULTS, TABLE, Outcome, counted, write_combined
from dlcore.studies.plan import Plan
from dlcore.studies.search import Search, command_of
from dlcore.studies.study import Variant, run_label
from dlcore.studies.study_runner import RUNS, Listener, check_jobs, make_plans, run_studies, share_out
from dlcore.studies.tables import claim_rows, claim_values, table, why_not
from dlcore.tracking.metric_names import GAP, is_share
from dlcore.translation import _, ngettext

_COLOURS = {"CONFIRMED": "bold green", "CONTRADICTED": "bold red", "INCONCLUSIVE": "bold yellow", "SKIPPED": QUIET}
_WIDE = 105
_VERDICT = 14  # columns


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print the table, the verdicts, the failures and the paths of the files."""
    results = outcome.results
    heads, rows = table(results, brief=console.width < _WIDE)
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    widths = [_width(rows, place, head) for place, head in enumerate(heads)]
    fits = sum(widths[1:]) + 2 * len(widths) + 10 <= console.width  # else the long word of a head is broken, not cells
    for place, (head, width) in enumerate(zip(heads, widths, strict=True)):
        cells = max((cell_len(row[place]) for row in rows), default=0)
        least = None if not place else width if fits else cells
        shown.add_column(head, justify="left" if not place else "right", min_width=least, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell, style=NAME if not place else "") for place, cell in enumerate(row)))
    console.print()
    console.print(shown)
    for line in fold_lines(results):
        print_paragraph(console, Text(line))
    note = _("{text}. {more}").format(text=_(GAP), more=results.study.cuts).rstrip()
    print_paragraph(console, Text(note, style=QUIET))
    for name, says, measured, textbook, why in claim_rows(outcome.verdicts):
        console.print()
        print_paragraph(console, Text.assemble((_(name), _COLOURS[name]), "  ", says))
        lines = [measured] * bool(measured)
        lines += [_("textbook: {textbook}").format(textbook=textbook)] if textbook else []
        lines += [_("why: {why}").format(why=why)] if why else []
        for line in lines:
            print_paragraph(console, Text(line, style=QUIET), indent=2)
    _print_warnings(console, outcome)
    console.print()
    files: list[tuple[str, Path | str]] = [
        (_("{n}. picture").format(n=place + 1) if len(outcome.pictures) > 1 else _("picture"), picture.path)
        for place, picture in enumerate(outcome.pictures)
        if picture.path is not None
    ]
    files += [
        (_("report"), outcome.folder / REPORT),
        (_("tables"), f"{outcome.folder / RESULTS}, {TABLE}"),
        *((_("out of fold"), path) for path in outcome.out_of_fold),
        ("TensorBoard", tensorboard_command(str(outcome.folder))),
    ]
    print_files(console, files)


def print_summary(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print the claims of several studies as one table: study, verdict, claim, measurement, textbook."""
    console.print()
    for outcome in outcomes:
        study = outcome.results.study
        console.print(Text.assemble((study.name, f"{NAME} bold"), "  ", (_(study.title), HEADING)))
        for claim, verdict in outcome.verdicts:
            values = verdict.why or claim_values(outcome.results, claim)
            book = _("; textbook: {textbook}").format(textbook=_(claim.textbook)) if claim.textbook else ""
            why = why_not(claim, verdict)
            why = "\n" + _("why: {why}").format(why=why) if why else ""
            words = Text.assemble(_(claim.says), "\n", (f"{values}{book}{why}", QUIET))
            print_columns(console, [(Text(_(verdict.name), _COLOURS[verdict.name]), words)], column=_VERDICT + 2)
        if not outcome.verdicts:
            print_paragraph(console, Text(_("no claims"), style=QUIET), indent=2)
        _print_warnings(console, outcome)
        console.print()
    console.print(Text(counted([outcome.verdicts for outcome in outcomes]), style=HEADING))
    console.print()


def print_files(console: Console, files: Sequence[tuple[str, Path | str]]) -> None:
    """Print the paths of files, each with its kind."""
    print_columns(console, [(Text(name, style=QUIET), str(path)) for name, path in files], column=13, indent=0)


def _print_warnings(console: Console, outcome: Outcome) -> None:
    results = outcome.results
    for variant, seed, error in results.failures:
        run = run_label(seed, results.study.folds)
        said = _("failed: {variant}, {run}: {error}").format(variant=variant, run=run, error=error)
        console.print(Text(said, style="red"), soft_wrap=True)
    if any(run.record.is_sample for run in results.runs):
        sample = _("built-in sample: the numbers mean nothing for the real data.")
        print_paragraph(console, Text(sample, style="yellow"))
    for picture in outcome.pictures:
        if picture.path is None:
            print_paragraph(console, Text(picture.text, style="yellow"))


def _width(rows: list[list[str]], place: int, head: str) -> int:
    """Return the width of a column's cells and of the words of its head, so that neither is broken."""
    return max(*(cell_len(row[place]) for row in rows), *map(cell_len, head.split()))


def search_and_show(console: Console, request: StudyRequest, executor: Executor) -> int:
    """Run the remaining trials of a search, and show the results."""
    if request.search is None:
        return 1
    recipe, space, settings, trials = request.search
    search = Search(request.study, recipe, space, settings, trials)
    said = _("{title}: {n} trials for the lowest {metric}.")
    if search.greater:
        said = _("{title}: {n} trials for the highest {metric}.")
    console.print(Text(said.format(title=request.study.title, n=trials, metric=search.metric)))

    def told(number: int, variant: Variant, value: float | None) -> None:
        best = max if search.greater else min
        known = [each for each in search.values.values() if each is not None]
        so_far = _(" (best so far {value})").format(value=_value(search.metric, best(known))) if known else ""
        text = _("failed") if value is None else f"{search.metric} {_value(search.metric, value)}"
        line = _(": ").join([f"{number}/{trials}  {variant.name}", text])
        console.print(Text(f"{line}{so_far}"), soft_wrap=True)

    outcome = search.run(RUNS, request.jobs, executor, told)
    print_outcome(console, outcome)
    best = search.best()
    if best is not None:
        words = " ".join(map(shell_word, command_of(best, request.study.seeds[0])))
        console.print()
        console.print(Text.assemble(_("The best again: "), (f"python -m dlcore {words}", NAME)), soft_wrap=True)
    return 1 if outcome.results.failures else 0


def _value(metric: str, value: float) -> str:
    return f"{value:.1%}" if is_share(metric) else f"{value:.4g}"


def carry_out(request: StudyRequest) -> int:
    """Train the remaining runs, and show the results."""
    console = open_console()
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        with (
            open_executor(request.backend, request.address, request.jobs) as executor,
            StudyDisplay(console, _title(request), request.together) as display,
        ):
            if request.search is not None:
                return search_and_show(console, request, executor)
            listener = Listener(display.begin, display.end, display.conclude)
            outcomes = run_studies(request.studies, RUNS, request.jobs, request.redo, listener, executor)
            report = write_combined(outcomes, RUNS) if request.together else None
    except KeyboardInterrupt as error:
        where = RUNS if request.together else RUNS / request.study.folder
        raise Interrupted(f"Interrupted. What is done is kept in {where}; the same command goes on.", 130) from error
    finally:
        signal.signal(signal.SIGTERM, before)
    if report is not None:
        print_summary(console, outcomes)
        print_files(console, [(_("report"), report), ("TensorBoard", tensorboard_command(str(RUNS)))])
    else:
        print_outcome(console, outcomes[0])
    return 1 if any(outcome.results.failures for outcome in outcomes) else 0


def dry_run(request: StudyRequest) -> int:
    """List the runs of studies and check their settings."""
    console = open_console()
    plans = make_plans(request.studies, RUNS, request.redo)
    jobs = [job for plan in plans for job in plan.jobs]
    with open_executor(request.backend, request.address, request.jobs) as executor:
        at_once, threads = share_out(plans, executor, request.jobs)
        refused = check_jobs(jobs, at_once, threads, executor)
    for plan in plans:
        _print_plan(console, plan, refused)
    said = ngettext(
        "{n} runs to do, {at_once} at a time, {threads} thread each.",
        "{n} runs to do, {at_once} at a time, {threads} threads each.",
        threads,
    )
    at_once = max(1, min(at_once, len(jobs)))
    print_paragraph(console, Text(said.format(n=len(jobs), at_once=at_once, threads=threads), QUIET))
    return 1 if refused else 0


def _title(request: StudyRequest) -> str:
    if not request.together:
        return request.study.heading
    title = _("All {n} studies").format(n=len(request.studies))
    return _("{title} (quick)").format(title=title) if request.study.quick else title


def _print_plan(console: Console, plan: Plan, refused: dict[tuple[str, str], str]) -> None:
    study = plan.study
    console.print(Text(study.heading, style=HEADING))
    if study.cuts:
        print_paragraph(console, Text(study.cuts, style=QUIET))
    rows = plain_table(_("variant"), _("run"), _("state"))
    rows.columns[-1].justify = "left"
    waiting = {(job.variant, job.seed): job for job in plan.jobs}
    for variant in study.variants:
        for seed in study.numbers:
            job = waiting.get((variant.name, seed))
            state = _("done") if job is None else _("goes on where it stopped") if job.goes_on else _("to do")
            state = _("cannot be trained") if (study.folder, variant.name) in refused else state
            rows.add_row(Text(variant.name), run_label(seed, study.folds), state)
    console.print(rows)
    console.print()
    for variant in study.variants:  # not wrapped: a command must be copied whole
        words = " ".join(shell_word(word) for word in variant.words(study.run_settings(study.numbers[0])))
        console.print(Text(variant.name + _(": ")), Text(f"python -m dlcore fit {words}", style=NAME), soft_wrap=True)
    for (folder, name), error in refused.items():
        if folder == study.folder:
            console.print(Text(_(": ").join([name, error]), style="red"), soft_wrap=True)
    for claim in study.claims if study.quick else ():
        if claim.full_only:
            said = _("not judged: {claim} ({why})").format(claim=_(claim.says), why=_(claim.full_only))
            print_paragraph(console, Text(said, style=QUIET))
    console.print()


def _raise_interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
