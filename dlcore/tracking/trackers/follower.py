"""Process that sends a run to a tracker while it trains: ``python -m dlcore.tracking.trackers.follower FOLDER KIND``.

A process of its own, not a thread: importing a tracker's library takes seconds of Python's lock, and its requests,
signals and clean-up at exit must not touch the training. It ends when its standard input does, so with the training,
however that ends, or when a line comes there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dlcore.config.secrets import message_without_secrets
from dlcore.config.tracker_kinds import Kind
from dlcore.errors import DlcoreError, in_a_line
from dlcore.tracking.trackers.journal import sole_sender
from dlcore.tracking.trackers.sending import Sender

_PAUSE, _LONGEST_PAUSE = 2.0, 60.0  # seconds between two looks; after failures
_SHARE = 0.1  # of the time, for looking


def follow(sender: Sender, ended: threading.Event, pause: float = _PAUSE) -> None:
    """Send what is new until the run has ended, and once more then. Errors are noted, and tried again later.

    Args:
        sender: Sends the run.
        ended: Set when the run has ended.
        pause: Seconds between two looks; they double with each failure, up to a minute.
    """
    wait = pause
    while sender.folder.is_dir():  # the folder of a run that ended before its first step is removed
        last, began = ended.is_set(), time.monotonic()
        try:
            sender.send(last)
            wait = max(pause, (time.monotonic() - began) / _SHARE)
        except Exception as error:
            sender.journal.note_error(message_without_secrets(said_by(error)))
            wait = min(2 * wait, _LONGEST_PAUSE)
        if last:
            return
        ended.wait(wait)


def said_by(error: Exception) -> str:
    """Return an error in one line: dlcore's own as they are, others with their class."""
    return str(error) if isinstance(error, DlcoreError) else in_a_line(error)


def main(folder: str, kind: Kind) -> None:
    """Follow a run until a line comes on standard input, or its end."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the training decides when this ends
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with suppress(AttributeError, OSError):
        os.nice(5)  # the training comes first
    pipe, sys.stdin = sys.stdin.buffer, open(os.devnull)  # noqa: SIM115, PTH123 (a library that asks gets no answer)
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(pipe, ended), daemon=True).start()
    if not Path(folder).is_dir():  # its run has ended at once
        os._exit(0)
    with sole_sender(Path(folder), kind, wait=True):
        follow(Sender(Path(folder), kind), ended)
    sys.stdout.flush()
    os._exit(0)  # libraries wait at exit for what cannot be sent


def _wait_for_end(pipe: IO[Any], ended: threading.Event) -> None:
    with suppress(OSError):
        pipe.readline()
    ended.set()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]
