"""Run studies in a terminal: progress of the runs, then tables, verdicts and paths of the files."""

from __future__ import annotations

import signal
from typing import Any

from rich.console import Console
from rich.text import Text

from dlcore.cli.study.display import StudyDisplay
from dlcore.cli.study.print_outcome import print_files, print_outcome, print_summary
from dlcore.cli.study.progress_rows import plain_table
from dlcore.cli.study.search_shown import search_and_show
from dlcore.cli.study.study_request import StudyRequest
from dlcore.cli.terminal import HEADING, NAME, QUIET, open_console, print_paragraph, shell_word, tensorboard_command
from dlcore.errors import Interrupted
from dlcore.studies.executor import open_executor
from dlcore.studies.outcome import write_combined
from dlcore.studies.plan import Plan
from dlcore.studies.study_runner import RUNS, Listener, check_jobs, make_plans, run_studies


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
        print_files(console, [("report", report), ("TensorBoard", tensorboard_command(str(RUNS)))])
    else:
        print_outcome(console, outcomes[0])
    return 1 if any(outcome.results.failures for outcome in outcomes) else 0


def dry_run(request: StudyRequest) -> int:
    """List the runs of studies and check their settings."""
    console = open_console()
    plans = make_plans(request.studies, RUNS, request.redo)
    jobs = [job for plan in plans for job in plan.jobs]
    with open_executor(request.backend, request.address, request.jobs) as executor:
        at_once, threads = executor.share_out(len(jobs), request.jobs)
        refused = check_jobs(jobs, at_once, threads, executor)
    for plan in plans:
        _print_plan(console, plan, refused)
    print_paragraph(
        console,
        Text(f"{len(jobs)} runs to do, {at_once} at a time, {threads} thread{'s' * (threads != 1)} each.", QUIET),
    )
    return 1 if refused else 0


def _title(request: StudyRequest) -> str:
    if not request.together:
        return request.study.heading
    return f"All {len(request.studies)} studies{' (quick)' * request.study.quick}"


def _print_plan(console: Console, plan: Plan, refused: dict[tuple[str, str], str]) -> None:
    study = plan.study
    console.print(Text(study.heading, style=HEADING))
    if study.cuts:
        print_paragraph(console, Text(study.cuts, style=QUIET))
    rows = plain_table("variant", "seed", "state")
    rows.columns[-1].justify = "left"
    waiting = {(job.variant, job.seed): job for job in plan.jobs}
    for variant in study.variants:
        for seed in study.seeds:
            job = waiting.get((variant.name, seed))
            state = "done" if job is None else "goes on where it stopped" if job.goes_on else "to do"
            impossible = (study.folder, variant.name) in refused
            rows.add_row(Text(variant.name), str(seed), "cannot be trained" if impossible else state)
    console.print(rows)
    console.print()
    for variant in study.variants:  # not wrapped: a command must be copied whole
        words = " ".join(shell_word(word) for word in variant.words(study.seeds[0]))
        console.print(Text(f"{variant.name}: "), Text(f"python -m dlcore fit {words}", style=NAME), soft_wrap=True)
    for (folder, name), error in refused.items():
        if folder == study.folder:
            console.print(Text(f"{name}: {error}", style="red"), soft_wrap=True)
    for claim in study.claims if study.quick else ():
        if claim.full_only:
            print_paragraph(console, Text(f"not judged: {claim.says} ({claim.full_only})", style=QUIET))
    console.print()


def _raise_interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
