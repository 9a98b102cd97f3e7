"""The user's cache folder, and the lock by which one process at a time makes something in it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Where dlcore keeps what it made or fetched: ``$XDG_CACHE_HOME/dlcore``, by default ``~/.cache/dlcore``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dlcore"


# Seconds by which a file's time may differ without a change of the file: some file systems round it.
_ROUNDED = 2.0
Stamps = Mapping[str, Sequence[float]]


def stamps_of(folder: Path, names: Iterable[str]) -> dict[str, list[float]]:
    """Size and time of change of files in a folder, to be kept beside them; see `is_whole`."""
    states = {name: (folder / name).stat() for name in names}
    return {name: [state.st_size, state.st_mtime] for name, state in states.items()}


def is_whole(folder: Path, stamps: Stamps) -> bool:
    """Whether files are there and are as they were when they were made: nobody cut them or wrote into them since."""
    try:
        found = stamps_of(folder, stamps)
        return all(
            found[name][0] == size and abs(found[name][1] - changed) <= _ROUNDED
            for name, (size, changed) in stamps.items()
        )
    except (OSError, ValueError, TypeError):
        return False


def tell_damaged(place: Path) -> None:
    """Say that something in the cache is made anew, and why."""
    print(f"dlcore: {place} was cut short, changed or in part removed: it is made anew.", file=sys.stderr)


def open_cache(path: Path) -> Path:
    """Make a folder of the cache, for the user alone.

    What lies in the cache is believed: pixels, tokens, tables. So nobody else may write there, or read what a user's
    data were turned into.

    Args:
        path: A folder within `cache_folder`, or that itself.

    Raises:
        PermissionError: The cache belongs to another user.
        OSError: It cannot be made.
    """
    top = cache_folder()
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        state = top.stat()
        if state.st_uid != os.getuid() and os.getuid() != 0:  # root has what others mount for it, in containers
            why = "it belongs to another user; choose a folder of your own: XDG_CACHE_HOME=FOLDER"
            raise PermissionError(errno.EPERM, why, str(top))
        if state.st_uid == os.getuid() and stat.S_IMODE(state.st_mode) & 0o077:
            top.chmod(0o700)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Let one process at a time do something. The lock of a process that dies is free again.

    Args:
        path: The file that is locked; it is made, and its content is left as it is.
        wait: Whether the others wait.

    Yields:
        Whether it is this process's turn: False only where it does not wait and another holds the lock. A system or a
        file system without locks lets all do it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # each makes its own, and the first to rename wins
        yield True
        return
    import fcntl

    with path.open("a") as file:
        turn = True
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            turn = wait
        except OSError:  # a network file system without locks: as above
            pass
        yield turn
