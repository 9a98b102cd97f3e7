"""Signals that end a command: it cleans up and exits as after Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlcore.errors import Signalled


@contextmanager
def ending_signals() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP (the terminal was closed), raise `Signalled`.

    While a run trains, `dlcore.callbacks.Checkpoint` handles them. An ignored signal stays ignored (nohup).
    """
    taken = []
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _raise)
                taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, frame: Any) -> None:
    for each in ("SIGTERM", "SIGHUP"):  # a second signal must not interrupt the clean-up
        if hasattr(signal, each):
            signal.signal(getattr(signal, each), signal.SIG_IGN)
    raise Signalled(number)
