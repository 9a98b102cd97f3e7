"""Work that must not delay the training: a worker thread, and a limit for repeated work."""

from __future__ import annotations

import atexit
import os
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from dlcore.errors import RunFileError, check_number, in_a_line


class BackgroundWriter:
    """Queue of jobs that run in order in one daemon thread.

    No job is dropped: `submit` waits while the queue is full, and remaining jobs run when the interpreter exits. A
    failed job does not stop the next ones; `drain` reports it.

    The thread starts with the first job. A closed writer starts again with the next job. A forked process starts with
    an empty queue and its own thread, since the parent runs the jobs.

    Args:
        max_queue: Maximum number of waiting jobs, at least 1. It bounds the memory, with the size of a job's data.

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
        # The running job stays in the queue, so that an empty queue means that all jobs are done.
        self._jobs: deque[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = deque()
        self._failures: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Queue a job: the worker thread calls ``function(*args, **kwargs)``.

        Wait while the queue is full. Within the worker thread, run the job at once, to avoid a deadlock.
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
        """Add an error for `drain` to report, for a job that continued after it."""
        with self._changed:
            self._failures[text] += 1

    def drain(self) -> None:
        """Wait until all jobs are done; warn once, with the names of failed jobs.

        Warns:
            RuntimeWarning: One or more jobs have failed since the last call.
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
        """Wait for all jobs and end the thread."""
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
            del job  # else its tensors would stay in memory until the next job
            with self._changed:
                self._jobs.popleft()
                self._changed.notify_all()

    def _run(self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            function(*args, **kwargs)
        except BaseException as error:  # SystemExit, too, must not end the thread unnoticed
            name = getattr(function, "__qualname__", None) or repr(function)
            # Keep the text, not the error: its frames would keep tensors in memory.
            text = f"{' '.join([name, *getattr(error, '__notes__', ())])}: {in_a_line(error)}"
            if isinstance(error, RunFileError):  # count once per file: a full disk gives many
                text = f"{error.path}: {error.reason}"
            self.report(text)

    def __getstate__(self) -> dict[str, Any]:
        return {"max_queue": self.max_queue}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.max_queue = state["max_queue"]
        self._reset()


class Refresh:
    """Time budget: with a share of 0.01, work that took one second may be repeated a hundred seconds later.

    For work in the background, call `due` before submitting it, and `took` at its end. Running work is not due.

    Args:
        share: Share of the time for the work, in (0, 1].
        expected: Expected seconds of the first run, at least 0; the first run waits as if it were a repetition.
        clock: Returns the time in seconds.

    Raises:
        ArgumentError: A value is out of range.
    """

    def __init__(self, share: float = 0.01, expected: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        check_number("share", share, above=0, at_most=1)
        check_number("expected", expected, at_least=0)
        self.share, self._clock = share, clock
        self._under_way = False
        self._next = clock() + expected / share

    def due(self) -> bool:
        """Return whether the work is due. After True, return False until `took` is called."""
        # No lock is needed: one thread calls `due`, another one `took`.
        if self._under_way or self._clock() < self._next:
            return False
        self._under_way = True
        return True

    def took(self, seconds: float) -> None:
        """Record the end of the work.

        Args:
            seconds: Duration of the work, at least 0.
        """
        self._next = self._clock() + seconds / self.share
        self._under_way = False
