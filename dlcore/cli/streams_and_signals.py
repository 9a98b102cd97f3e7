"""Streams and signals: a training does not end because its terminal was closed, and cleans up when it is ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from dlcore.errors import Signalled


class LastingStream:
    """A stream that redirects to nowhere after the first failed write, and reports that once."""

    def __init__(self, stream: TextIO, say_on: TextIO | LastingStream | None) -> None:
        self._stream, self._say_on = stream, say_on

    def write(self, text: str) -> int:
        """Write; on failure, discard."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """Flush; on failure, discard."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            self._stream.flush()
        say_on, self._say_on = self._say_on, None
        if say_on is not None:
            say_on.write(
                f"dlcore: nothing more can be printed ({error.strerror}): the work goes on, its results are kept.\n"
            )
            say_on.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lasting_streams(output: bool) -> Iterator[None]:
    """Make sure that a broken standard output or error does not end the program.

    A stream that was closed before the start is replaced by null; unsupported characters become question marks.

    Args:
        output: Whether to continue if nobody reads standard output any more, as in a training.
    """
    before = sys.stdout, sys.stderr
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before the start: opened files must not get its file descriptor
            while (number := os.open(os.devnull, os.O_RDWR)) < 3:
                pass
            os.close(number)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            with suppress(OSError):
                stream.reconfigure(errors="replace")
    err = LastingStream(sys.stderr, None)
    sys.stderr = err
    if output:
        sys.stdout = LastingStream(sys.stdout, err)
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        sys.stdout, sys.stderr = before


@contextmanager
def ending_signals() -> Iterator[list[int]]:
    """Let SIGTERM, and SIGHUP (the terminal was closed), raise `Signalled`; take down each Ctrl-C.

    While a run trains, `dlcore.callbacks.Checkpoint` handles them. An ignored signal stays ignored (nohup).

    Yields:
        The numbers of the interrupts so far. C code may swallow the exception of one (torch, while it imports numpy);
        what is half imported then fails later, with another error.
    """
    interrupts: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    usual: dict[str, tuple[Any, Any]] = {
        "SIGTERM": (signal.SIG_DFL, _raise),
        "SIGHUP": (signal.SIG_DFL, _raise),
        "SIGINT": (signal.default_int_handler, interrupt),
    }
    taken = []
    if threading.current_thread() is threading.main_thread():
        for name, (default, handler) in usual.items():
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == default:
                signal.signal(number, handler)
                taken.append((number, default))
    try:
        yield interrupts
    finally:
        for number, default in taken:
            signal.signal(number, default)


def _raise(number: int, frame: Any) -> None:
    for each in ("SIGTERM", "SIGHUP"):  # a second signal must not interrupt the clean-up
        if hasattr(signal, each):
            signal.signal(getattr(signal, each), signal.SIG_IGN)
    raise Signalled(number)
