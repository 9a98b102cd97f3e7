"""What a tracker lacks of a run: the content of the run's folder that is not in the tracker's journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.config import strict_yaml
from dlcore.errors import DlcoreError
from dlcore.tracking.hparams import columns
from dlcore.tracking.metrics_csv import read_rows
from dlcore.tracking.run_file import RUNS_FOLDER
from dlcore.tracking.timeline import read_events
from dlcore.tracking.trackers.journal import FOLDER, Journal
from dlcore.translation import _, ngettext

SETTINGS = "settings.json"
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"  # MLflow's words
_ENDS = {"finished": FINISHED, "failed": FAILED, "interrupted": KILLED}
_PAGES = ("config.yaml", "summary.md", "report.html")


@dataclass
class Pending:
    """What a tracker lacks.

    Attributes:
        settings: New and changed settings.
        rows: New values, as text, by step and metric.
        events: New events; their keys are in `event_keys`.
        files: New and changed files, by their path in the run's folder, each with time of change and size.
        status: The run's status if it is new, else empty.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, dict[str, str]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, list[int]] = field(default_factory=dict)
    status: str = ""

    def __bool__(self) -> bool:
        return bool(self.settings or self.rows or self.events or self.files or self.status)

    def words(self) -> str:
        """Describe it: ``312 values, 2 events, 3 files``; empty if there are none."""
        values = sum(map(len, self.rows.values()))
        counts = {
            ngettext("{n:,} value", "{n:,} values", values): values,
            ngettext("{n:,} event", "{n:,} events", len(self.events)): len(self.events),
            ngettext("{n:,} file", "{n:,} files", len(self.files)): len(self.files),
        }
        return _(", ").join(text.format(n=n) for text, n in counts.items() if n)


def pending(folder: Path, journal: Journal, ended: bool) -> Pending:
    """Compare a run's folder with a journal.

    Args:
        folder: The run's folder.
        journal: What the tracker has.
        ended: Whether the run has ended: its checkpoint, its pages and its status are sent then.
    """
    table = read_rows(folder / "metrics.csv")
    if not table and "id" not in journal.run:  # nothing was logged yet: the run may end before its first step
        return Pending()
    settings = {
        name: value for name, value in _settings(folder, ended).items() if journal.settings.get(name, ...) != value
    }
    rows = {}
    for step, cells in table.items():
        known = journal.rows.get(step, {})
        if new := {name: cell for name, cell in cells.items() if known.get(name) != cell}:
            rows[step] = new
    events = read_events(folder)
    status = _end(events) if ended else RUNNING
    return Pending(
        settings,
        rows,
        [event for event in events if event_key(event) not in journal.events],
        {name: stamp for name, stamp in _files(folder, ended).items() if journal.files.get(name) != stamp},
        status if status != journal.status else "",
    )


def event_key(event: Mapping[str, Any]) -> str:
    """Return what identifies an event of a run."""
    return f"{event.get('time')} {event['kind']} {event['step']}"


def place_of(folder: Path) -> tuple[str, str]:
    """Return the experiment of a run and its name in it, from its folder.

    ``lightning_logs/mlp/version_3`` is ``version_3`` of ``mlp``; ``lightning_logs/my_study/wide/seed_0`` is
    ``wide/seed_0`` of ``my_study``.
    """
    parts = folder.resolve().parts
    below = parts[len(parts) - parts[::-1].index(RUNS_FOLDER) :] if RUNS_FOLDER in parts else ()
    return (below[0], "/".join(below[1:])) if len(below) > 1 else (parts[-2], parts[-1])


def times_of(folder: Path) -> Callable[[int], int]:
    """Return a function from a step to its time in milliseconds since 1970: interpolated between events."""
    table = folder / "metrics.csv"
    points = [(event["step"], datetime.fromisoformat(event["time"]).timestamp()) for event in read_events(folder)]
    if rows := read_rows(table):
        points.append((max(rows), table.stat().st_mtime))
    latest = dict(sorted(points))  # of several at one step, the latest
    steps, seconds = list(latest), np.maximum.accumulate(list(latest.values()) or [0.0])
    return lambda step: int(1000 * np.interp(step, steps or [0], seconds))


def write_settings(folder: Path, settings: Mapping[str, Any], write: Callable[[Path, bytes], None]) -> None:
    """Write the settings that are sent, into the run's folder."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    write(folder / FOLDER / SETTINGS, json.dumps(settings, ensure_ascii=False, indent=1).encode())


def _end(events: list[dict[str, Any]]) -> str:
    """Return how a run ended: killed if its last start has no end."""
    last = [event["kind"] for event in events if event["kind"] in (*_ENDS, "started", "resumed")][-1:]
    return _ENDS.get("".join(last), KILLED)


def _settings(folder: Path, ended: bool) -> dict[str, Any]:
    """Return a run's settings, without secrets: those logged as hyper-parameters, or else all in ``config.yaml``.

    While a run trains, the hyper-parameters may still come.
    """
    try:
        logged: dict[str, Any] = json.loads((folder / FOLDER / SETTINGS).read_text(encoding="utf-8"))
        return logged
    except (OSError, ValueError):
        if not ended:
            return {}
    try:
        config = strict_yaml.load((folder / "config.yaml").read_text(encoding="utf-8"), "config.yaml")
    except (OSError, DlcoreError):  # a run of a user's own program has none
        return {}
    return {name: value for name, value in columns(config).items() if value not in ("None", "")}


def _files(folder: Path, ended: bool) -> dict[str, list[int]]:
    paths = sorted(folder.glob("*.png"))
    if ended:
        checkpoints = [folder / "checkpoints" / f"{name}.ckpt" for name in ("best", "last")]
        paths += [folder / page for page in _PAGES] + [path for path in checkpoints if path.is_file()][:1]
    found = {}
    for path in paths:
        if path.is_file():
            state = path.stat()
            found[path.relative_to(folder).as_posix()] = [state.st_mtime_ns, state.st_size]
    return found
