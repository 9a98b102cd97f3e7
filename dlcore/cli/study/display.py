"""What a terminal shows while a study goes on: a row a run."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dlcore.cli.terminal import QUIET
from dlcore.studies.plan import Job, Plan
from dlcore.studies.record import DONE, PROGRESS, RUNNING, Record, read_json
from dlcore.studies.results import Spread
from dlcore.studies.tables import duration
from dlcore.tracking.metric_names import is_share

_MOST_ROWS, _BAR = 24, 16
_SHOWN = ("val/bits_per_character", "val/accuracy", "val/rmse", "val/loss", "train/loss")


class StudyDisplay:
    """Shows on a terminal a table that lives; elsewhere a line for each run that has ended.

    Args:
        console: Where.
        title: What the study is about.
    """

    def __init__(self, console: Console, title: str) -> None:
        self.console, self.title = console, title
        self.jobs: Sequence[Job] = ()
        self.ended: dict[tuple[str, int], Record] = {}
        self.done_before = self.at_once = 0
        self._began = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> StudyDisplay:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self, plan: Plan, at_once: int) -> None:
        """Say what is to be done, and begin to show it."""
        self.jobs, self.done_before, self.at_once = plan.jobs, len(plan.done), at_once
        runs = f"{len(plan.jobs)} run{'s' * (len(plan.jobs) != 1)}"
        before = f", {self.done_before} done before" if self.done_before else ""
        if not plan.jobs:
            self.console.print(Text(f"{self.title}: all {self.done_before} runs are done (--redo repeats them)."))
            return
        go_on = sum(job.goes_on for job in plan.jobs)
        rest = f", {go_on} of them go on where they stopped" if go_on else ""
        self.console.print(Text(f"{self.title}: {runs} to do{rest}{before}; {at_once} at a time."))
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._table, console=self.console, refresh_per_second=2)
            self._live.start()

    def end(self, record: Record) -> None:
        """Show that a run has ended."""
        self.ended[record.variant, record.seed] = record
        if self._live is None:
            place = f"{len(self.ended)}/{len(self.jobs)}"
            words = f"failed: {record.error}" if record.error else _metric_words(self._metrics(record))
            taken = "" if record.error else f"  {duration(Spread(record.seconds, None, 1))}"
            line = f"{place}  {record.variant}, seed {record.seed}: {words or record.status}{taken}"
            self.console.print(Text(line), soft_wrap=True)

    def _metrics(self, record: Record) -> dict[str, Any]:
        job = next((job for job in self.jobs if (job.variant, job.seed) == (record.variant, record.seed)), None)
        return read_json(job.folder / PROGRESS).get("metrics", {}) if job is not None else {}

    def _table(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
        for head in ("variant", "seed", "", "epoch", "metric", "left"):
            table.add_column(head, no_wrap=True, overflow="ellipsis", justify="right" if head == "left" else "left")
        rows = [(job, self.ended.get((job.variant, job.seed)), read_json(job.folder / PROGRESS)) for job in self.jobs]
        for job, record, progress in _chosen(rows):
            table.add_row(*_row(job, record, progress))
        hidden = len(rows) - min(len(rows), _MOST_ROWS)
        seconds = time.monotonic() - self._began
        failed = sum(bool(record.error) for record in self.ended.values())
        foot = f"{len(self.ended)} of {len(self.jobs)} runs ended{f', {failed} failed' * bool(failed)}"
        foot += f"{f', {hidden} not shown' * bool(hidden)}; {_clock(seconds)} so far. "
        foot += "Ctrl-C stops; study again goes on."
        return Group(table, Text(foot, style=QUIET))


Row = tuple[Job, Record | None, dict[str, Any]]


def _chosen(rows: list[Row]) -> list[Row]:
    """As many rows as fit: first those at work, then those that wait, then those that ended last."""
    if len(rows) <= _MOST_ROWS:
        return rows
    order = sorted(range(len(rows)), key=lambda place: (rows[place][1] is not None, not rows[place][2], place))
    kept = set(order[:_MOST_ROWS])
    return [row for place, row in enumerate(rows) if place in kept]


def _row(job: Job, record: Record | None, progress: dict[str, Any]) -> list[Text]:
    epoch, epochs = progress.get("epoch") or 0.0, progress.get("epochs") or 0
    share = min(epoch / epochs, 1.0) if epochs > 0 else 0.0
    if record is not None and record.error:
        return [*map(Text, (job.variant, str(job.seed))), Text("failed", "red"), Text(""), Text(record.error, "red")]
    if record is not None and record.status in (DONE, RUNNING):
        share, left = 1.0, Text(duration(Spread(record.seconds, None, 1)), QUIET)
    elif not progress:
        left = Text("waits", QUIET)
    else:
        left = Text(_left(share, epoch, progress))
    filled = round(share * _BAR)
    bar = Text("━" * filled, "cyan").append("━" * (_BAR - filled), "grey37")
    words = f"{epoch:.1f}/{epochs}" if epochs > 0 else f"{epoch:.1f}"
    metric = Text(_metric_words(progress.get("metrics", {})))
    return [Text(job.variant), Text(str(job.seed)), bar, Text(words if progress else ""), metric, left]


def _left(share: float, epoch: float, progress: dict[str, Any]) -> str:
    """Time left, from the time that this start of the run took for its part."""
    seconds = (progress.get("seconds") or 0.0) - (progress.get("began") or 0.0)
    return _clock(seconds * (1 - share) / share) if share > 0.01 and seconds > 1 else ""


def _metric_words(metrics: dict[str, Any]) -> str:
    for name in _SHOWN:
        value = metrics.get(name)
        if isinstance(value, float | int) and math.isfinite(value):
            return f"{name} {value:.1%}" if is_share(name) else f"{name} {value:.4g}"
    return ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
