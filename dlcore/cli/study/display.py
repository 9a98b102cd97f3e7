"""Progress of studies in a terminal: for one study a row per run; for several a row per study, and the active runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from dlcore.cli.study.progress_rows import Row, bar, clock, ended_words, plain_table, run_table, share_done
from dlcore.cli.terminal import QUIET
from dlcore.studies.outcome import Outcome
from dlcore.studies.plan import Job, Plan
from dlcore.studies.study_run_record import PROGRESS, Record, read_json
from dlcore.studies.verdict import NAMES

_MOST_ROWS = 24


class StudyDisplay:
    """Shows a live table on a terminal; elsewhere prints a line for each run that has ended."""

    def __init__(self, console: Console, title: str, together: bool = False) -> None:
        self.console, self.title, self.together = console, title, together
        self.plans: Sequence[Plan] = ()
        self.jobs: list[Job] = []
        self.records: dict[Path, Record] = {}
        self.outcomes: dict[str, Outcome] = {}
        self._began = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> StudyDisplay:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self, plans: Sequence[Plan], at_once: int) -> None:
        """Print the number of runs, and start the display."""
        self.plans, self.jobs = plans, [job for plan in plans for job in plan.jobs]
        done = sum(len(plan.done) for plan in plans)
        if not self.jobs:
            self.console.print(Text(f"{self.title}: all {done} runs are done (--redo repeats them)."))
            return
        runs = f"{len(self.jobs)} run{'s' * (len(self.jobs) != 1)}"
        before = f", {done} done before" if done else ""
        go_on = sum(job.goes_on for job in self.jobs)
        rest = f", {go_on} of them from where {'it' if go_on == 1 else 'they'} stopped" if go_on else ""
        self.console.print(Text(f"{self.title}: {runs} to do{rest}{before}; {at_once} at a time."))
        if self.console.is_terminal:
            table = self._studies if self.together else self._runs
            self._live = Live(get_renderable=table, console=self.console, refresh_per_second=2)
            self._live.start()

    def end(self, job: Job, record: Record) -> None:
        """Show that a run has ended."""
        self.records[job.folder] = record
        if self._live is None:
            place = f"{len(self.records)}/{len(self.jobs)}"
            study = f"{self._name(job)}: " * self.together
            line = f"{place}  {study}{ended_words(record, read_json(job.folder / PROGRESS))}"
            self.console.print(Text(line), soft_wrap=True)

    def conclude(self, outcome: Outcome) -> None:
        """Show that a study has ended."""
        study = outcome.results.study
        self.outcomes[study.folder] = outcome
        if self.together and self._live is None:
            self.console.print(Text(f"{study.name}: {verdict_words(outcome) or 'no claims'}"), soft_wrap=True)

    def _name(self, job: Job) -> str:
        return next(plan.study.name for plan in self.plans if plan.study.folder == job.study)

    def _rows(self, jobs: Sequence[Job]) -> list[Row]:
        return [(job, self.records.get(job.folder), read_json(job.folder / PROGRESS)) for job in jobs]

    def _runs(self) -> RenderableType:
        rows = self._rows(self.jobs)
        hidden = len(rows) - min(len(rows), _MOST_ROWS)
        return Group(run_table(_chosen(rows)), self._foot(f", {hidden} not shown" * bool(hidden)))

    def _studies(self) -> RenderableType:
        table = plain_table("study", "", "runs", "claims", "")
        at_work: list[Row] = []
        for plan in self.plans:
            folder, rows = plan.study.folder, self._rows(plan.jobs)
            at_work += [row for row in rows if row[1] is None and row[2]]
            all_runs = len(plan.done) + len(rows)
            ended = len(plan.done) + sum(row[1] is not None for row in rows)
            share = (len(plan.done) + sum(share_done(row[1], row[2]) for row in rows)) / max(all_runs, 1)
            words = verdict_words(self.outcomes[folder]) if folder in self.outcomes else ""
            table.add_row(Text(plan.study.name), bar(share), Text(f"{ended}/{all_runs}"), Text(words), Text(""))
        names = [self._name(row[0]) for row in at_work[:_MOST_ROWS]]
        shown: list[RenderableType] = [Text(""), run_table(at_work[:_MOST_ROWS], names)] if at_work else []
        return Group(table, *shown, self._foot(""))

    def _foot(self, more: str) -> Text:
        seconds = time.monotonic() - self._began
        failed = sum(bool(record.error) for record in self.records.values())
        foot = f"{len(self.records)} of {len(self.jobs)} runs ended{f', {failed} failed' * bool(failed)}{more}; "
        return Text(f"{foot}{clock(seconds)} so far. Ctrl-C stops; the same command goes on.", style=QUIET)


def verdict_words(outcome: Outcome) -> str:
    """Return how many claims of a study have each verdict: ``2 confirmed, 1 skipped``."""
    count = Counter(verdict.name for _, verdict in outcome.verdicts)
    return ", ".join(f"{count[name]} {name.lower()}" for name in NAMES if count[name])


def _chosen(rows: list[Row]) -> list[Row]:
    """Return as many rows as fit: first the active runs, then the waiting ones, then the ended ones."""
    if len(rows) <= _MOST_ROWS:
        return rows
    order = sorted(range(len(rows)), key=lambda place: (rows[place][1] is not None, not rows[place][2], place))
    kept = set(order[:_MOST_ROWS])
    return [row for place, row in enumerate(rows) if place in kept]
