"""Journal of a tracker: what it has of a run, one JSON object per line, in the run's folder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dlcore.cache import locked
from dlcore.config.tracker_kinds import KINDS, Kind
from dlcore.errors import DataError, RunFileError, TrackerError
from dlcore.tracking.run_file import append, replace_file, writing

FOLDER = "tracker"  # in a run's folder
_UNBROKEN = "do_not_kill"


class Journal:
    """What a tracker has of a run: ``tracker/<kind>.jsonl`` in the run's folder.

    A killed process loses at most the last line; then some of the run is sent twice, but nothing is left out. The same
    holds if the file cannot be written: the lines are kept in memory, and written with the next ones.

    Args:
        folder: The run's folder.
        kind: The tracker.

    Attributes:
        run: The tracker's run: ``token`` (chosen here), ``id``, ``uri``, ``address``.
        rows: Sent values, as text, by step and metric.
        settings: Sent settings.
        events: Keys of sent events.
        files: Sent files, each with time of change and size.
        status: The run's status at the tracker; empty before the first.
        error: Why the last attempt failed; empty if it did not.
        unwritten: Why the latest facts are in memory only; None if all are in the file.

    Raises:
        DataError: The file exists and holds something else.
    """

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.path = folder / FOLDER / f"{kind}.jsonl"
        self.run: dict[str, str] = {}
        self.rows: dict[int, dict[str, str]] = {}
        self.settings: dict[str, Any] = {}
        self.events: set[str] = set()
        self.files: dict[str, list[int]] = {}
        self.status = self.error = ""
        self.unwritten: RunFileError | None = None
        self._unwritten = b""
        if self.path.is_file():
            self._read()

    def note(self, **facts: Any) -> None:
        """Add facts: ``run``, ``rows``, ``settings``, ``events``, ``files``, ``status`` or ``error``."""
        self._take(facts)
        self._unwritten += json.dumps(facts, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n"
        try:
            with writing(self.path):
                self.path.parent.mkdir(exist_ok=True)
            append(self.path, self._unwritten)
        except RunFileError as error:
            self.unwritten = error
        else:
            self._unwritten, self.unwritten = b"", None

    def begin(self) -> str:
        """Return the run's token, by which the tracker's run is found again even if its answer was lost."""
        if "token" not in self.run:
            self.note(run={"token": uuid.uuid4().hex})
        return self.run["token"]

    def note_error(self, text: str) -> None:
        """Note why an attempt failed, or that one did not (empty); once, not with each attempt."""
        if text != self.error:
            self.note(error=text)

    def _take(self, facts: dict[str, Any]) -> None:
        self.run |= facts.get("run", {})
        for step, cells in facts.get("rows", {}).items():
            self.rows.setdefault(int(step), {}).update(cells)
        self.settings |= facts.get("settings", {})
        self.events |= set(facts.get("events", ()))
        self.files |= facts.get("files", {})
        self.status = str(facts.get("status", self.status))
        self.error = str(facts.get("error", self.error))

    def _read(self) -> None:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, AttributeError) as error:
                raise DataError(
                    f"{self.path}, line {number}: damaged, so that nobody knows what was sent. Move the file away: "
                    "then all is sent again, as a new run of the tracker."
                ) from error
        if len(whole) < len(content):  # a killed process left an incomplete line
            with suppress(RunFileError):
                replace_file(self.path, whole)


@contextmanager
def unbroken(folder: Path) -> Iterator[None]:
    """Mark a time in which the sender must not be killed, for what it makes would stay half made."""
    mark = folder / FOLDER / _UNBROKEN
    mark.touch()
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def is_unbroken(folder: Path) -> bool:
    """Return whether the sender must not be killed now."""
    return (folder / FOLDER / _UNBROKEN).exists()


@contextmanager
def sole_sender(folder: Path, kind: Kind, wait: bool = False) -> Iterator[None]:
    """Let one process at a time send a run to a tracker.

    Args:
        folder: The run's folder.
        kind: The tracker.
        wait: Whether to wait for another process.

    Raises:
        TrackerError: Another process is sending the run, and `wait` is False.
    """
    with locked(folder / FOLDER / f"{kind}.lock", wait) as turn:
        if not turn:
            raise TrackerError(
                f"{folder}: another process is sending this run to {kind}: its training, or another sync. Wait until "
                "it ends."
            )
        yield


def journal_kinds(folder: Path) -> list[Kind]:
    """Return the trackers that a run was sent to."""
    return [kind for kind in KINDS if (folder / FOLDER / f"{kind}.jsonl").is_file()]
