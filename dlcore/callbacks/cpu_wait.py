"""Time that this process's threads wait for a CPU core that other work holds."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

_NANOSECONDS = 1e-9


class CoreWaits:
    """Monitor of the time that runnable threads of this process wait for a core, per interval.

    Threads that compute together wait for the slowest, so the thread that waits longest sets the speed.

    Args:
        seconds: Length of an interval.
        tasks: Folder with one folder per thread, whose ``schedstat`` holds nanoseconds on a core, nanoseconds waiting,
            and number of time slices (Linux, Documentation/scheduler/sched-stats).
    """

    def __init__(self, seconds: float, tasks: Path = Path("/proc/self/task")) -> None:
        self.seconds, self._tasks = seconds, tasks
        self._began, self._before = time.monotonic(), self._waited()

    def share(self) -> float | None:
        """Return the longest wait of a thread as a share of the interval, and start the next interval."""
        took = time.monotonic() - self._began
        if took < self.seconds:
            return None
        before, self._before = self._before, self._waited()
        self._began = time.monotonic()
        waits = [waited - before.get(thread, 0) for thread, waited in self._before.items()]
        return min(max(waits) * _NANOSECONDS / took, 1.0) if waits else None

    def _waited(self) -> dict[str, int]:
        found = {}
        with suppress(OSError):
            for thread in self._tasks.iterdir():
                with suppress(OSError, IndexError, ValueError):  # the thread has ended, or no statistics
                    found[thread.name] = int((thread / "schedstat").read_text().split()[1])
        return found
