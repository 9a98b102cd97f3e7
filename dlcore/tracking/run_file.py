"""Writing a run's files: a piece is written whole or not at all, and what cannot be written is an error in a line."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from dlcore.errors import RunFileError

_REMEDIES = {
    errno.ENOSPC: "Make room on that disk",
    errno.EDQUOT: "Make room within your quota on that disk",
    errno.EFBIG: "Allow larger files (ulimit -f)",
    errno.EMFILE: "Allow more open files (ulimit -n 4096)",
    errno.ENFILE: "Allow more open files on this machine",
    errno.ENOENT: "Somebody removed it, or its folder, while it was in use",
    errno.EACCES: "Allow writing to its folder",
    errno.EROFS: "Allow writing to its folder",
    errno.ENOTDIR: "Its folder must be a folder",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes a file.

    Raises:
        RunFileError: The system refused; the message has the file, the reason and what to do.
    """
    try:
        yield
    except OSError as error:
        raise RunFileError(path, error.strerror or str(error), _REMEDIES.get(error.errno or 0, "")) from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file anew; a reader sees the old one or the new one, and nothing is left of one that failed.

    Raises:
        RunFileError: It cannot be written; what was there is kept.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            with beside.open("wb", buffering=0) as file:
                write_at(file, 0, content)
            beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Write a text file anew, piece by piece; otherwise as `replace_file`. Ends of lines are as they are given.

    Raises:
        RunFileError: It cannot be written; what was there is kept.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            with beside.open("w", newline="", encoding="utf-8", errors="replace") as file:
                yield file
            beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file, which is made where it is not there.

    Raises:
        RunFileError: It cannot be added; what was there is kept as it was.
    """
    with writing(path), path.open("ab", buffering=0) as file:
        write_at(file, file.seek(0, os.SEEK_END), content)


def write_at(file: BinaryIO, start: int, content: bytes) -> None:
    """Write into an unbuffered file, from a place on.

    A disk that is nearly full takes a part of it without an error: the rest is asked for again, and where that fails
    the file gets back what it held before. So no half line and no half record is left.

    Raises:
        OSError: The system refused.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(start)
    before = file.read() if start < size else b""
    try:
        _write_all(file, start, content)
    except OSError:
        with suppress(OSError):  # there is room for what was there
            _write_all(file, start, before)
            file.truncate(size)
        raise


def _write_all(file: BinaryIO, start: int, content: bytes) -> None:
    file.seek(start)
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they replaced a file have left beside it."""
    for left_over in folder.glob(".*.tmp"):
        with suppress(OSError):
            left_over.unlink()


def run_title(folder: Path) -> str:
    """What a run is called in pictures: its recipe and its number, ``mlp_textbook, version_3``."""
    folder = folder.resolve()
    return f"{folder.parent.name}, {folder.name}"


def link_file(source: Path, target: Path) -> None:
    """Give a file a second name, which replaces what had it before, in one step. No second copy where links work."""
    temporary = target.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)
