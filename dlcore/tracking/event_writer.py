"""TensorBoard's writer with dlcore's own event file: each record is written at once, or an error is raised.

TensorBoard's own file writes events in a thread. If that fails (a full disk), the thread prints a traceback, the error
is raised at a later call, and queued events are lost.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.writer import FileWriter

from dlcore.tracking.run_file import write_at, writing

if TYPE_CHECKING:
    from io import FileIO

_NUMBERS = count()


class EventFile:
    """Event file with the interface that torch's `FileWriter` needs.

    Raises:
        RunFileError: It cannot be created; later, a record cannot be written. The file then stays readable.
    """

    def __init__(self, folder: Path) -> None:
        # Use TensorBoard's naming scheme: it reads the files of a folder in alphabetical order.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS):06d}"
        self.path = folder / name
        self._lock = threading.Lock()
        self._records = RecordWriter(self)
        with writing(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file: FileIO | None = self.path.open("xb", buffering=0)
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def get_logdir(self) -> str:
        """The run's folder."""
        return str(self.path.parent)

    def add_event(self, event: Event) -> None:
        """Write an event to the file at once."""
        with self._lock:
            self._records.write(event.SerializeToString())

    def write(self, record: bytes) -> None:
        """Write a record completely or not at all; called by `RecordWriter`."""
        with writing(self.path):
            if self._file is None:
                raise OSError(0, "it is closed")
            if not os.fstat(self._file.fileno()).st_nlink:
                raise FileNotFoundError(2, "it no longer exists")
            write_at(self._file, self._file.seek(0, os.SEEK_END), record)

    def flush(self) -> None:
        """Do nothing: each record is already written."""

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


class EventWriter(SummaryWriter):
    """torch's `SummaryWriter` that writes to an `EventFile`."""

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        self._folder = folder
        super().__init__(str(folder), purge_step=purge_step)

    def _get_file_writer(self) -> Any:
        if self.file_writer is None:
            writer: Any = _Events(self._folder)
            writers: Any = {self._folder: writer}
            self.file_writer, self.all_writers = writer, writers
            if self.purge_step is not None:
                step, self.purge_step = self.purge_step, None
                for event in (
                    Event(step=step, file_version="brain.Event:2"),
                    Event(step=step, session_log=SessionLog(status=SessionLog.START)),
                ):
                    writer.add_event(event)
        return self.file_writer


class _Events(FileWriter):
    def __init__(self, folder: Path) -> None:
        self.event_writer = EventFile(folder)
