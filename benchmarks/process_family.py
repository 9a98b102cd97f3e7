"""Wall-clock time, CPU time and memory of a command and all processes that it starts (Linux).

A process's memory is measured in two ways. Resident memory includes the pages of mapped files, which the system can
drop at any time and which processes share. Own memory is resident memory without these pages.
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
    """Time and memory used by a command.

    Attributes:
        said: The command's output.
        wall: Wall-clock seconds.
        cpu: CPU seconds of all processes.
        first: Peak own memory of the command's first process, megabytes.
        largest: Peak own memory of one process, megabytes.
        own: Peak own memory of all processes together, megabytes.
        resident: Peak resident memory of all processes together, megabytes; shared pages count once per process.
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
        """Measure a process and all its descendants."""
        found = [(pid, *memory(pid)) for pid in family(root)]
        self.resident = max(self.resident, sum(resident for _, resident, _ in found))
        self.own = max(self.own, sum(own for _, _, own in found))
        self.largest = max(self.largest, *(own for _, _, own in found))
        self.first = max(self.first, found[0][2])
        self.times |= {pid: max(cpu_time(pid), self.times.get(pid, 0.0)) for pid, _, _ in found}


def watched(
    command: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None, every: float = 0.05
) -> Usage:
    """Run a command and measure it.

    Args:
        command: Its words.
        environment: Environment variables in addition to those of this process.
        cwd: Its working folder.
        every: Seconds between two measurements of its processes.

    Raises:
        SystemExit: It failed; the message contains its stderr.
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
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", name, *map(str, words)]


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += family(int(child))
        except OSError:
            continue
    return found


def memory(pid: int | str) -> tuple[float, float]:
    """Return the resident and own memory of a process, megabytes.

    Return zeros if it has ended, or if it is a fork without its own program yet: its memory is its parent's.
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
    """Return the peak resident memory of this process since its program started, megabytes.

    `ru_maxrss` would start with the memory of the parent process.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1.024e-3


def cpu_time(pid: int) -> float:
    """Return the CPU seconds of a process; 0 if it has ended."""
    try:
        fields = _numbers(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _numbers(pid: int | str) -> list[str]:
    """Return the fields of a process's /proc stat file after its name, which is in brackets and may be any text."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
