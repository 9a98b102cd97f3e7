"""The progress of a study: a live table on a terminal, elsewhere a line for each run that has ended."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dlcore.cli.terminal import QUIET
from dlcore.studies.outcome import Outcome, verdict_words
from dlcore.studies.plan import Job, Plan
from dlcore.studies.study_run_record import DONE, PROGRESS, RUNNING, Record, read_json
from dlcore.tracking.metric_names import is_share
from dlcore.tracking.run_page import duration
from dlcore.translation import _, ngettext

BAR = 16
_SHOWN = ("val/bits_per_character", "val/accuracy", "val/rmse", "val/loss", "train/loss")

# A run, its record once it has ended, and its progress.
Row = tuple[Job, Record | None, dict[str, Any]]

_MOST_ROWS = 24


def run_table(rows: Sequence[Row], studies: Sequence[str] = ()) -> Table:
    """Return a table with a row per run."""
    table = plain_table(_("study") if studies else "", _("variant"), _("run"), "", _("epoch"), _("metric"), _("left"))
    for place, row in enumerate(rows):
        table.add_row(*map(Text, studies[place : place + 1]), *_row(*row))
    return table


def plain_table(*heads: str) -> Table:
    """Return an empty table with one-line rows; an empty first head is left out. The last column is right-aligned."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for place, head in enumerate(heads):
        if head or place:
            justify: Any = "right" if place == len(heads) - 1 else "left"
            table.add_column(head, no_wrap=True, overflow="ellipsis", justify=justify)
    return table


def bar(share: float) -> Text:
    """Return a bar, filled to a share from 0 to 1."""
    filled = round(share * BAR)
    return Text("━" * filled, "cyan").append("━" * (BAR - filled), "grey37")


def metric_words(metrics: dict[str, Any]) -> str:
    """Return the most informative metric, with its value."""
    for name in _SHOWN:
        value = metrics.get(name)
        if isinstance(value, float | int) and math.isfinite(value):
            return f"{name} {value:.1%}" if is_share(name) else f"{name} {value:.4g}"
    return ""


def ended_words(record: Record, progress: dict[str, Any]) -> str:
    """Return the result of an ended run, in a line."""
    run = _("{variant}, {run}").format(variant=record.variant, run=record.label)
    if record.error:
        return _("{run}: failed: {error}").format(run=run, error=record.error)
    words = metric_words(progress.get("metrics", {})) or record.status
    return "  ".join([_(": ").join([run, words]), duration(record.seconds)])


def clock(seconds: float) -> str:
    """Format seconds as ``2:05`` or ``1:02:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def share_done(record: Record | None, progress: dict[str, Any]) -> float:
    """Return the finished share of a run, from 0 to 1."""
    if record is not None:
        return 1.0
    epoch, epochs = progress.get("epoch") or 0.0, progress.get("epochs") or 0
    return min(epoch / epochs, 1.0) if epochs > 0 else 0.0


def _row(job: Job, record: Record | None, progress: dict[str, Any]) -> list[Text]:
    if record is not None and record.error:
        return [
            *map(Text, (job.variant, job.label)),
            Text(_("failed"), "red"),
            Text(""),
            Text(record.error, "red"),
        ]
    epoch, epochs = progress.get("epoch") or 0.0, progress.get("epochs") or 0
    share = share_done(record, progress)
    if record is not None and record.status in (DONE, RUNNING):
        left = Text(duration(record.seconds), QUIET)
    elif not progress:
        left = Text(_("waits"), QUIET)
    else:
        left = Text(_left(share, progress))
    words = f"{epoch:.1f}/{epochs}" if epochs > 0 else f"{epoch:.1f}"
    metric = Text(metric_words(progress.get("metrics", {})))
    return [
        Text(job.variant),
        Text(job.label),
        bar(share),
        Text(words if progress else ""),
        metric,
        left,
    ]


def _left(share: float, progress: dict[str, Any]) -> str:
    seconds = (progress.get("seconds") or 0.0) - (progress.get("began") or 0.0)
    return clock(seconds * (1 - share) / share) if share > 0.01 and seconds > 1 else ""


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
            said = _("{title}: all {n} runs are done (--redo repeats them).").format(title=self.title, n=done)
            self.console.print(Text(said))
            return
        n = len(self.jobs)
        runs = ngettext("{n} run to do", "{n} runs to do", n).format(n=n)
        before = _(", {n} done before").format(n=done) if done else ""
        go_on = sum(job.goes_on for job in self.jobs)
        rest = ""
        if go_on:
            rest = ngettext(", {n} of them from where it stopped", ", {n} of them from where they stopped", go_on)
        said = _("{title}: {runs}; {n} at a time.")
        runs += rest.format(n=go_on) + before
        self.console.print(Text(said.format(title=self.title, runs=runs, n=at_once)))
        if self.console.is_terminal:
            table = self._studies if self.together else self._runs
            self._live = Live(get_renderable=table, console=self.console, refresh_per_second=2)
            self._live.start()

    def end(self, job: Job, record: Record) -> None:
        """Show that a run has ended."""
        self.records[job.folder] = record
        if self._live is None:
            place = f"{len(self.records)}/{len(self.jobs)}"
            said = [self._name(job)] * self.together + [ended_words(record, read_json(job.folder / PROGRESS))]
            line = "  ".join([place, _(": ").join(said)])
            self.console.print(Text(line), soft_wrap=True)

    def conclude(self, outcome: Outcome) -> None:
        """Show that a study has ended."""
        study = outcome.results.study
        self.outcomes[study.folder] = outcome
        if self.together and self._live is None:
            self.console.print(
                Text(_(": ").join([study.name, verdict_words(outcome.verdicts) or _("no claims")])), soft_wrap=True
            )

    def _name(self, job: Job) -> str:
        return next(plan.study.name for plan in self.plans if plan.study.folder == job.study)

    def _rows(self, jobs: Sequence[Job]) -> list[Row]:
        return [(job, self.records.get(job.folder), read_json(job.folder / PROGRESS)) for job in jobs]

    def _runs(self) -> RenderableType:
        rows = self._rows(self.jobs)
        hidden = len(rows) - min(len(rows), _MOST_ROWS)
        return Group(run_table(_chosen(rows)), self._foot(_(", {n} not shown").format(n=hidden) if hidden else ""))

    def _studies(self) -> RenderableType:
        table = plain_table(_("study"), "", _("runs"), _("claims"), "")
        at_work: list[Row] = []
        for plan in self.plans:
            folder, rows = plan.study.folder, self._rows(plan.jobs)
            at_work += [row for row in rows if row[1] is None and row[2]]
            all_runs = len(plan.done) + len(rows)
            ended = len(plan.done) + sum(row[1] is not None for row in rows)
            share = (len(plan.done) + sum(share_done(row[1], row[2]) for row in rows)) / max(all_runs, 1)
            words = verdict_words(self.outcomes[folder].verdicts) if folder in self.outcomes else ""
            table.add_row(Text(plan.study.name), bar(share), Text(f"{ended}/{all_runs}"), Text(words), Text(""))
        names = [self._name(row[0]) for row in at_work[:_MOST_ROWS]]
        shown: list[RenderableType] = [Text(""), run_table(at_work[:_MOST_ROWS], names)] if at_work else []
        return Group(table, *shown, self._foot(""))

    def _foot(self, more: str) -> Text:
        seconds = time.monotonic() - self._began
        failed = sum(bool(record.error) for record in self.records.values())
        ended = _("{n} of {all} runs ended").format(n=len(self.records), all=len(self.jobs))
        ended += _(", {n} failed").format(n=failed) if failed else ""
        foot = _("{ended}; {time} so far. Ctrl-C stops; the same command goes on.")
        return Text(foot.format(ended=f"{ended}{more}", time=clock(seconds)), style=QUIET)


def _chosen(rows: list[Row]) -> list[Row]:
    """Return as many rows as fit: first the active runs, then the waiting ones, then the ended ones."""
    if len(rows) <= _MOST_ROWS:
        return rows
    order = sorted(range(len(rows)), key=lambda place: (rows[place][1] is not None, not rows[place][2], place))
    kept = set(order[:_MOST_ROWS])
    return [row for place, row in enumerate(rows) if place in kept]
