"""A worker thread for what training must not wait for: drawing figures and writing events."""

from __future__ import annotations

import atexit
import os
import threading
import warnings
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from dlcore.errors import RunFileError, check_number, in_a_line


class BackgroundWriter:
    """Runs jobs one after another, in the order they came, in one daemon thread.

    Nothing that was handed over is dropped: when the queue is full, `submit` waits for a free place, and what is left
    at the end of the interpreter is still done. A job that fails does not stop those after it; `drain` reports it.

    The thread starts with the first job. A closed writer starts again when it gets another job. A process that was
    forked from this one begins with an empty queue and its own thread, since the jobs are done by the parent.

    Args:
        max_queue: How many jobs may wait, at least 1. Together with the size of what a job holds it bounds the memory.

    Raises:
        ArgumentError: `max_queue` is less than 1.
    """

    def __init__(self, max_queue: int = 64) -> None:
        check_number("max_queue", max_queue, at_least=1, remedy="Use the default, 64.")
        self.max_queue = max_queue
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition()
        # The job at the front stays there while it runs, so that an empty queue means that all is done.
        self._jobs: deque[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = deque()
        self._failures: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Hand over a job: ``function(*args, **kwargs)`` is called in the worker thread.

        Waits while the queue is full. A job that submits a job runs it at once, since it would wait for itself.
        """
        if threading.current_thread() is self._thread:
            self._run(function, args, kwargs)
            return
        if os.getpid() != self._process:
            self._reset()
        with self._changed:
            while len(self._jobs) >= self.max_queue:
                self._changed.wait()
            self._jobs.append((function, args, kwargs))
            if self._thread is None:
                self._closing = False
                self._thread = threading.Thread(target=self._work, name="dlcore-background", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            self._changed.notify_all()

    def report(self, text: str) -> None:
        """Let `drain` report what a job could not do, though it went on."""
        with self._changed:
            self._failures[text] += 1

    def drain(self) -> None:
        """Wait until every job is done; warn once, with the jobs' names, if any of them failed.

        Warns:
            RuntimeWarning: One or more jobs raised an error since the last time.
        """
        if threading.current_thread() is self._thread or os.getpid() != self._process:
            return
        with self._changed:
            while self._jobs:
                self._changed.wait()
            failures, self._failures = self._failures, Counter()
        if failures:
            listed = "; ".join(f"{text} ({times} times)" if times > 1 else text for text, times in failures.items())
            warnings.warn(f"Work in the background failed, training went on without it: {listed}", RuntimeWarning, 2)

    def close(self) -> None:
        """Drain, and end the thread."""
        thread = self._thread
        if thread is None or threading.current_thread() is thread or os.getpid() != self._process:
            return
        try:
            self.drain()
        finally:
            with self._changed:
                self._closing = True
                self._changed.notify_all()
            thread.join()
            atexit.unregister(self.close)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    if self._closing:
                        self._thread = None
                        return
                    self._changed.wait()
                job = self._jobs[0]
            self._run(*job)
            del job  # or the last job's tensors would live until the next one comes
            with self._changed:
                self._jobs.popleft()
                self._changed.notify_all()

    def _run(self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            function(*args, **kwargs)
        except BaseException as error:  # SystemExit too must neither end the thread nor vanish
            name = getattr(function, "__qualname__", None) or repr(function)
            # The text and not the error is kept: an error holds its frames, and with them the tensors.
            text = f"{' '.join([name, *getattr(error, '__notes__', ())])}: {in_a_line(error)}"
            if isinstance(error, RunFileError):  # of a full disk there is one for each file
                text = f"{error.path}: {error.reason}"
            self.report(text)

    def __getstate__(self) -> dict[str, Any]:
        return {"max_queue": self.max_queue}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.max_queue = state["max_queue"]
        self._reset()
