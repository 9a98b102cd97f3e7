"""The user's cache folder, and a file lock that lets one process at a time write to it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return the cache folder for prepared and downloaded files: ``$XDG_CACHE_HOME/dlcore`` or ``~/.cache/dlcore``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dlcore"


# Tolerance in seconds when modification times are compared: some file systems round them.
_ROUNDED = 2.0
Stamps = Mapping[str, Sequence[float]]


def stamps_of(folder: Path, names: Iterable[str]) -> dict[str, list[float]]:
    """Return size and modification time of files in a folder. Store them next to the files for `is_whole`."""
    states = {name: (folder / name).stat() for name in names}
    return {name: [state.st_size, state.st_mtime] for name, state in states.items()}


def is_whole(folder: Path, stamps: Stamps) -> bool:
    """Return whether all files exist with the recorded size and modification time."""
    try:
        found = stamps_of(folder, stamps)
        return all(
            found[name][0] == size and abs(found[name][1] - changed) <= _ROUNDED
            for name, (size, changed) in stamps.items()
        )
    except (OSError, ValueError, TypeError):
        return False


def tell_damaged(place: Path) -> None:
    """Print that a cache entry is damaged and will be rebuilt."""
    print(f"dlcore: {place} was cut short, changed or in part removed: it is made anew.", file=sys.stderr)


def open_cache(path: Path) -> Path:
    """Create a folder in the cache that only the user can read and write.

    Cached pixels, tokens and tables are trusted. So other users must not write them, nor read data derived from the
    user's own.

    Args:
        path: A folder within `cache_folder`, or `cache_folder` itself.

    Raises:
        PermissionError: The cache belongs to another user.
        OSError: The folder cannot be created.
    """
    top = cache_folder()
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        state = top.stat()
        if state.st_uid != os.getuid() and os.getuid() != 0:  # root: a mounted cache in a container has another owner
            why = "it belongs to another user; choose a folder of your own: XDG_CACHE_HOME=FOLDER"
            raise PermissionError(errno.EPERM, why, str(top))
        if state.st_uid == os.getuid() and stat.S_IMODE(state.st_mode) & 0o077:
            top.chmod(0o700)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a file lock for the block, so that one process at a time runs it. The lock is released if the process dies.

    Args:
        path: File to lock. It is created if missing; its content is not changed.
        wait: Whether to wait while another process holds the lock.

    Yields:
        Whether the lock was acquired: False only if `wait` is False and another process holds it. True for all
        processes where the system or file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # no lock: each process writes its own file, and the first rename wins
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
