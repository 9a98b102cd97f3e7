"""The user's cache folder, and the lock by which one process at a time makes something in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def cache_folder() -> Path:
    """Where dlcore keeps what it made or fetched: ``$XDG_CACHE_HOME/dlcore``, by default ``~/.cache/dlcore``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dlcore"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time do something; the others wait. The lock of a process that dies is free again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # each makes its own, and the first to rename wins
        yield
        return
    import fcntl

    with path.open("w") as file:
        with suppress(OSError):  # a network file system without locks: as above
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
