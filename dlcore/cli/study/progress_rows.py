"""Rows of the table of runs: progress, metric and remaining time of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from dlcore.cli.terminal import QUIET
from dlcore.studies.plan import Job
from dlcore.studies.results import Spread
from dlcore.studies.study_run_record import DONE, RUNNING, Record
from dlcore.studies.tables import duration
from dlcore.tracking.metric_names import is_share

BAR = 16
_SHOWN = ("val/bits_per_character", "val/accuracy", "val/rmse", "val/loss", "train/loss")

# A run, its record once it has ended, and its progress.
Row = tuple[Job, Record | None, dict[str, Any]]


def run_table(rows: Sequence[Row], studies: Sequence[str] = ()) -> Table:
    """Return a table with a row per run."""
    table = plain_table("study" if studies else "", "variant", "seed", "", "epoch", "metric", "left")
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
    words = f"failed: {record.error}" if record.error else metric_words(progress.get("metrics", {}))
    taken = "" if record.error else f"  {duration(Spread(record.seconds, None, 1))}"
    return f"{record.variant}, seed {record.seed}: {words or record.status}{taken}"


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
        return [*map(Text, (job.variant, str(job.seed))), Text("failed", "red"), Text(""), Text(record.error, "red")]
    epoch, epochs = progress.get("epoch") or 0.0, progress.get("epochs") or 0
    share = share_done(record, progress)
    if record is not None and record.status in (DONE, RUNNING):
        left = Text(duration(Spread(record.seconds, None, 1)), QUIET)
    elif not progress:
        left = Text("waits", QUIET)
    else:
        left = Text(_left(share, progress))
    words = f"{epoch:.1f}/{epochs}" if epochs > 0 else f"{epoch:.1f}"
    metric = Text(metric_words(progress.get("metrics", {})))
    return [Text(job.variant), Text(str(job.seed)), bar(share), Text(words if progress else ""), metric, left]


def _left(share: float, progress: dict[str, Any]) -> str:
    """Return the remaining time, extrapolated from this start of the run."""
    seconds = (progress.get("seconds") or 0.0) - (progress.get("began") or 0.0)
    return clock(seconds * (1 - share) / share) if share > 0.01 and seconds > 1 else ""
