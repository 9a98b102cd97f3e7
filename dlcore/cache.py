"""The user's cache folder, and a file lock that lets one process at a time write to it."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

_DAY = 24 * 60 * 60  # seconds
_Entry = TypeVar("_Entry")


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
    print(f"dlcore: {place} was cut short, changed or in part removed: it is built again.", file=sys.stderr)


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


def hash_of(lines: Iterable[str]) -> str:
    """Return a hash of lines of text, as hexadecimal digits; names of files that are no UTF-8 are allowed."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(os.fsencode(line) + b"\0")
    return digest.hexdigest()


def cached_entry(
    place: Path,
    read: Callable[[Path], _Entry | None],
    build: Callable[[Path], Any],
    keep_others: bool = False,
    goes_on: bool = False,
) -> _Entry:
    """Read a folder of the cache; if it is not whole, one process builds it, while others wait.

    Args:
        place: The folder. It appears whole, or not at all.
        read: Reads it; returns None if there is none, or it is damaged.
        build: Fills an empty folder.
        keep_others: Whether the entries next to it are kept; else they are of files that have changed since.
        goes_on: Whether `build` can go on in the folder of one that was interrupted or killed, or has been damaged.

    Returns:
        What `read` returns.

    Raises:
        OSError: The cache cannot be written, or what was built cannot be read.
    """
    open_cache(place.parent)
    if (kept := read(place)) is not None:
        return kept
    lock = place.parent / "lock"
    with locked(lock, wait=False) as turn:
        if turn:
            _build(place, read, build, keep_others, goes_on and _is_locked(lock))
    if not turn:
        print(f"dlcore: another process is making {place}: this one waits.", file=sys.stderr)
        with locked(lock):
            _build(place, read, build, keep_others, goes_on and _is_locked(lock))
    if (kept := read(place)) is None:
        raise OSError(errno.EIO, "it cannot be read after it was written", str(place))
    return kept


def _is_locked(lock: Path) -> bool:
    """Return whether a lock that this process holds keeps others out: not every system and file system has locks."""
    with locked(lock, wait=False) as turn:
        return not turn


def _build(
    place: Path, read: Callable[[Path], Any], build: Callable[[Path], Any], keep_others: bool, goes_on: bool
) -> None:
    """Build an entry, unless another process has built it meanwhile; see `cached_entry`."""
    if read(place) is not None:
        return
    own = f"part-{platform.node()}-"
    unfinished = place.parent / f"{own}{place.name}"
    if place.is_dir():
        tell_damaged(place)
        if goes_on:  # what is whole of it is not built again
            shutil.rmtree(unfinished, ignore_errors=True)
            place.rename(unfinished)
        else:
            shutil.rmtree(place, ignore_errors=True)
    # Delete old entries, and leftovers of killed processes; a process that has mapped an entry keeps it. Without
    # file locks, another process may still be building a new one: spare those.
    for old in () if keep_others else place.parent.iterdir():
        spared = old == unfinished or not old.name.startswith(own)
        if old.is_dir() and not (spared and old.name.startswith("part-") and time.time() - old.stat().st_mtime < _DAY):
            shutil.rmtree(old, ignore_errors=True)
    if goes_on:
        unfinished.mkdir(mode=0o700, exist_ok=True)
        try:
            build(unfinished)
        except OSError:  # a full disk, perhaps: leave it as it was
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        unfinished.rename(place)
        return
    with tempfile.TemporaryDirectory(prefix="part-", dir=place.parent, ignore_cleanup_errors=True) as folder:
        made = Path(folder) / "whole"
        made.mkdir(mode=0o700)
        build(made)
        with suppress(FileExistsError):  # without locks another process may have been faster
            made.rename(place)
