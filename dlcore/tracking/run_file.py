"""Folders and files of runs: each run gets its own folder; files are written completely or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from dlcore.errors import FitError, RunFileError

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
    """Convert operating-system errors in the block to `RunFileError`.

    Raises:
        RunFileError: Writing failed; the message has the file, the reason and the remedy.
    """
    try:
        yield
    except OSError as error:
        raise RunFileError(path, error.strerror or str(error), _REMEDIES.get(error.errno or 0, "")) from error


@contextmanager
def _replacement(path: Path) -> Iterator[Path]:
    """Yield a temporary path; at the end, move the file there to `path`, or remove it if something failed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            yield beside
            beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically. If that fails, keep the old file and no temporary one.

    Raises:
        RunFileError: It cannot be written; the old file is kept.
    """
    with _replacement(path) as beside, beside.open("wb", buffering=0) as file:
        write_at(file, 0, content)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Replace a text file atomically like `replace_file`, but write it in pieces. Line endings are not converted."""
    with _replacement(path) as beside:  # noqa: SIM117 (close the file before it is moved)
        with beside.open("w", newline="", encoding="utf-8", errors="replace") as file:
            yield file


def append(path: Path, content: bytes) -> None:
    """Append to a file; create it if necessary.

    Raises:
        RunFileError: It cannot be written; the old content is kept.
    """
    with writing(path), path.open("ab", buffering=0) as file:
        write_at(file, file.seek(0, os.SEEK_END), content)


def write_at(file: BinaryIO, start: int, content: bytes) -> None:
    """Write to an unbuffered file at an offset, completely or not at all.

    A nearly full disk may write only a part, without an error. So write the rest again; if that fails, restore the
    file's old content. No partial line or record is left.

    Raises:
        OSError: Writing failed.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(start)
    before = file.read() if start < size else b""
    try:
        _write_all(file, start, content)
    except OSError:
        with suppress(OSError):  # there is space for the old content
            _write_all(file, start, before)
            file.truncate(size)
        raise


def _write_all(file: BinaryIO, start: int, content: bytes) -> None:
    file.seek(start)
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that were killed while replacing a file."""
    for left_over in folder.glob(".*.tmp"):
        with suppress(OSError):
            left_over.unlink()


def run_title(folder: Path) -> str:
    """Return a run's name for figures: its recipe and its number, ``mlp_textbook, version_3``."""
    folder = folder.resolve()
    return f"{folder.parent.name}, {folder.name}"


def link_file(source: Path, target: Path) -> None:
    """Replace `target` atomically by a hard link to `source`, or by a copy if links do not work."""
    temporary = target.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


RUNS_FOLDER = "lightning_logs"
SAMPLES = "samples.json"  # of a run: facts about its samples
_VERSION = re.compile(r"version_(\d+)")


def run_version(folder: Path) -> int | None:
    """Return the number in a run folder's name; None if it is not a run folder."""
    found = _VERSION.fullmatch(folder.name)
    return int(found[1]) if found else None


def new_run_folder(root: Path, name: str) -> Path:
    """Create the next free run folder. Processes that do this at the same time get different folders.

    Raises:
        FitError: The path exists and is not a folder.
    """
    parent = root / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:  # a file, or a broken link
        raise FitError(
            f"{root}: expected a folder for runs, got something else, or a link that leads nowhere. Move it away, or "
            "choose another place: --trainer.default_root_dir FOLDER"
        ) from error
    version = max((run_version(folder) or 0 for folder in parent.glob("version_*")), default=-1) + 1
    while True:
        folder = parent / f"version_{version}"
        try:
            folder.mkdir()
        except FileExistsError:  # another process was faster
            version += 1
        else:
            return folder
