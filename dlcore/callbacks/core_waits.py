"""How long the threads of this process wait for a core, because others hold it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

_NANOSECONDS = 1e-9


class CoreWaits:
    """Watches, from its making on, the threads of this process that could work and have no core.

    Threads that compute together wait for the last of them: it is the one that waits most that the work goes by.

    Args:
        tasks: Folder with one folder a thread, whose ``schedstat`` holds nanoseconds at work, nanoseconds waited, and
            turns (Linux, Documentation/scheduler/sched-stats).
    """

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._began, self._before = time.monotonic(), self._waited()

    def share(self) -> float | None:
        """Of the time since the making, the share that the thread which waited most has waited; None: not known."""
        now = self._waited()
        waits = [waited - self._before.get(thread, 0) for thread, waited in now.items()]
        return max(waits) * _NANOSECONDS / (time.monotonic() - self._began) if waits else None

    def _waited(self) -> dict[str, int]:
        found = {}
        with suppress(OSError):
            for thread in self._tasks.iterdir():
                with suppress(OSError, IndexError, ValueError):  # it has ended since, or the system does not count
                    found[thread.name] = int((thread / "schedstat").read_text().split()[1])
        return found
