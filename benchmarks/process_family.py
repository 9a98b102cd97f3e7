"""What a command and all processes that it starts take: time of the clock, of the processors, and memory (Linux).

A process's memory is told in two ways. Resident is what the system holds for it, with the pages of mapped files, which
it can take back at any time and which processes share; own is the rest, which nothing but the process's end gives back.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_NO_PROGRAM_YET = 0x40  # the kernel's PF_FORKNOEXEC
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Usage:
    """What was used.

    Attributes:
        said: What the command printed.
        wall: Seconds of the clock.
        cpu: Seconds of the processors, of all processes.
        first: Most own memory of the command's first process, megabytes.
        largest: Most own memory of one process, megabytes.
        own: Most own memory of all processes together, megabytes.
        resident: Most resident memory of all processes together, megabytes; shared pages count once for each.
    """

    said: str = ""
    wall: float = 0.0
    cpu: float = 0.0
    first: float = 0.0
    largest: float = 0.0
    own: float = 0.0
    resident: float = 0.0
    times: dict[int, float] = field(default_factory=dict, repr=False)

    def look(self, root: int) -> None:
        """Look at a process and all below it."""
        found = [(pid, *memory(pid)) for pid in family(root)]
        self.resident = max(self.resident, sum(resident for _, resident, _ in found))
        self.own = max(self.own, sum(own for _, _, own in found))
        self.largest = max(self.largest, *(own for _, _, own in found))
        self.first = max(self.first, found[0][2])
        self.times |= {pid: max(cpu_time(pid), self.times.get(pid, 0.0)) for pid, _, _ in found}


def watched(
    command: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None, every: float = 0.05
) -> Usage:
    """Carry out a command and say what it took.

    Args:
        command: Its words.
        environment: Variables beside those of this process.
        cwd: Its working folder.
        every: Seconds between two looks at its processes.

    Raises:
        SystemExit: It failed; what it printed on stderr is in the message.
    """
    usage, done = Usage(), threading.Event()
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
    )

    def watch() -> None:
        while not done.wait(every):
            usage.look(process.pid)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        usage.said, errors = process.communicate()
    finally:
        done.set()
        watcher.join()
    usage.wall = time.perf_counter() - start
    usage.cpu = sum(usage.times.values())
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{errors[-3000:]}")
    return usage


def module(name: str, *words: object) -> list[str]:
    """The command for a module of this Python's, with its words."""
    return [sys.executable, "-m", name, *map(str, words)]


def family(pid: int) -> list[int]:
    """A process and all that it has started, and these in turn."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += family(int(child))
        except OSError:
            continue
    return found


def memory(pid: int | str) -> tuple[float, float]:
    """Resident and own memory of a process, megabytes.

    Zeros where it has ended, and where it was split off from another one and has not begun its own program yet: all it
    has is the other's.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        split_off = int(_numbers(pid)[6]) & _NO_PROGRAM_YET
    except OSError:
        return 0.0, 0.0
    if split_off:
        return 0.0, 0.0
    sizes = {
        name: int(rest.split()[0]) * 1.024e-3
        for name, _, rest in (line.partition(":") for line in lines)
        if name in ("VmRSS", "RssFile")
    }
    resident = sizes.get("VmRSS", 0.0)
    return resident, resident - sizes.get("RssFile", 0.0)


def peak() -> float:
    """Most resident memory that this process has had, megabytes: since its programme began, unlike `ru_maxrss`.

    That one begins with what the process that started it had.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1.024e-3


def cpu_time(pid: int) -> float:
    """Seconds of the processors that a process has used; 0 where it has ended."""
    try:
        fields = _numbers(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _numbers(pid: int | str) -> list[str]:
    """What the kernel tells of a process in numbers, behind its name, which is in brackets and may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
