"""Send what a tracker lacks of a run, piece by piece; each piece that arrived is noted in the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from dlcore.config.tracker_kinds import Kind
from dlcore.tracking.timeline import read_events
from dlcore.tracking.trackers.client import Client, make_client
from dlcore.tracking.trackers.journal import Journal
from dlcore.tracking.trackers.pending import RUNNING, Pending, event_key, pending, place_of, times_of

_MOST_VALUES = 1000  # in one request of MLflow
_MOST_ROWS = 500


class Sender:
    """Sends a run to a tracker.

    Args:
        folder: The run's folder.
        kind: The tracker.
        make: Makes the client; the default imports the tracker's library.

    Raises:
        DataError: The journal is damaged.
    """

    def __init__(self, folder: Path, kind: Kind, make: Callable[[Kind, Path, str, str], Client] = make_client) -> None:
        self.folder, self.kind, self._make = folder, kind, make
        self.journal = Journal(folder, kind)
        self._client: Client | None = None

    def send(self, ended: bool) -> Pending:
        """Send what the tracker lacks, and return it.

        Args:
            ended: Whether the run has ended: its last files and its status are sent too, and the client is closed.

        Raises:
            Exception: Any error of the tracker's library. What was sent before it counts.
        """
        left = pending(self.folder, self.journal, ended)
        if not left:
            return left
        client, journal, time_of = self._open(), self.journal, times_of(self.folder)
        if left.settings:
            client.send_settings(left.settings)
            journal.note(settings=left.settings)
        for rows in _pieces(left.rows):
            values = {step: {name: float(cell) for name, cell in cells.items()} for step, cells in rows.items()}
            client.send_rows(values, time_of)
            journal.note(rows=rows)
        if left.events:
            client.send_events(left.events, read_events(self.folder))
            journal.note(events=[event_key(event) for event in left.events])
        last = max(journal.rows, default=0)
        for name, stamp in left.files.items():
            client.send_file(self.folder / name, last)
            journal.note(files={name: stamp})
        if ended:
            client.close(left.status or journal.status)
            self._client = None
        if left.status and (ended or left.status == RUNNING):
            journal.note(status=left.status)
        journal.note_error("")
        return left

    def _open(self) -> Client:
        if self._client is None:
            token = self.journal.begin()
            began = next((event["step"] for event in read_events(self.folder)), 0)
            client = self._make(self.kind, self.folder, *place_of(self.folder))
            self.journal.note(run=client.open({**self.journal.run, "token": token}, times_of(self.folder)(began)))
            self._client = client
        return self._client


def _pieces(rows: dict[int, dict[str, str]]) -> Iterator[dict[int, dict[str, str]]]:
    """Yield rows in pieces of a size that a request may have."""
    piece: dict[int, dict[str, str]] = {}
    values = 0
    for step, cells in rows.items():
        if piece and (values + len(cells) > _MOST_VALUES or len(piece) >= _MOST_ROWS):
            yield piece
            piece, values = {}, 0
        piece[step] = cells
        values += len(cells)
    if piece:
        yield piece
