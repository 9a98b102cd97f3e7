"""TensorBoard's writer on an event file of dlcore's own: each record is in the file at once, or an error says why.

TensorBoard's hands events to a thread. Where that fails (a full disk), it prints a traceback of its own, the error
comes at a later call, and events that were handed over before are lost.
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
    """An event file, of the interface that torch's `FileWriter` asks for.

    Args:
        folder: The run's folder.

    Raises:
        RunFileError: It cannot be made; later, that a record cannot be written. The file stays readable then.
    """

    def __init__(self, folder: Path) -> None:
        # The name is TensorBoard's: it reads the files of a folder in the order of their names, letter by letter.
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
        """Write an event; it is in the file when this returns."""
        with self._lock:
            self._records.write(event.SerializeToString())

    def write(self, record: bytes) -> None:
        """Write a record, whole or not at all; what `RecordWriter` calls."""
        with writing(self.path):
            if self._file is None:
                raise OSError(0, "it is closed")
            if not os.fstat(self._file.fileno()).st_nlink:
                raise FileNotFoundError(2, "it was taken away")
            write_at(self._file, self._file.seek(0, os.SEEK_END), record)

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


class EventWriter(SummaryWriter):
    """torch's `SummaryWriter`, which writes into an `EventFile`.

    Args:
        folder: The run's folder.
        purge_step: The step from which on TensorBoard is to forget what it knows of the run; None: it forgets nothing.
    """

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        self._folder = folder
        super().__init__(str(folder), purge_step=purge_step)

    def _get_file_writer(self) -> Any:
        if self.file_writer is None:
            self.file_writer = _Events(self._folder)  # type: ignore[assignment]
            self.all_writers = {self._folder: self.file_writer}  # type: ignore[assignment]
            if self.purge_step is not None:
                step, self.purge_step = self.purge_step, None
                for event in (
                    Event(step=step, file_version="brain.Event:2"),
                    Event(step=step, session_log=SessionLog(status=SessionLog.START)),
                ):
                    self.file_writer.add_event(event)  # type: ignore[attr-defined]
        return self.file_writer


class _Events(FileWriter):
    def __init__(self, folder: Path) -> None:
        self.event_writer = EventFile(folder)
