"""How long the threads of this process wait for a core, because others hold it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

_NANOSECONDS = 1e-9


class CoreWaits:
    """Watches the threads of this process that could work and have no core, a while at a time.

    Threads that compute together wait for the last of them: it is the one that waits most that the work goes by.

    Args:
        seconds: Length of a while.
        tasks: Folder with one folder a thread, whose ``schedstat`` holds nanoseconds at work, nanoseconds waited, and
            turns (Linux, Documentation/scheduler/sched-stats).
    """

    def __init__(self, seconds: float, tasks: Path = Path("/proc/self/task")) -> None:
        self.seconds, self._tasks = seconds, tasks
        self._began, self._before = time.monotonic(), self._waited()

    def share(self) -> float | None:
        """Of a while that is over, the share that the thread which waited most has waited; the next one begins.

        Returns:
            The share, in [0, 1]; None while it goes on, and where the system does not tell.
        """
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
                with suppress(OSError, IndexError, ValueError):  # it has ended since, or the system does not count
                    found[thread.name] = int((thread / "schedstat").read_text().split()[1])
        return found
