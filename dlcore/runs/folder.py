"""Run folders: ``lightning_logs/<recipe>/version_N``, and where a run's checkpoints are."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcore.configs.shell import shell_word
from dlcore.errors import FitError

RUNS_FOLDER = "lightning_logs"
_VERSION = re.compile(r"version_(\d+)")


def runs_root(default_root_dir: str | Path | None = None) -> Path:
    """The folder of all runs: ``lightning_logs`` in the trainer's default_root_dir, or in the working folder."""
    return Path(default_root_dir or ".") / RUNS_FOLDER


def run_version(folder: Path) -> int | None:
    """The number in a run folder's name, or None when it is no run folder."""
    found = _VERSION.fullmatch(folder.name)
    return int(found[1]) if found else None


def run_folders(root: Path, name: str | None = None) -> list[Path]:
    """Folders of the runs of a recipe (or of all), oldest first by the time of their last checkpoint."""
    recipes = [root / name] if name else [folder for folder in root.glob("*") if folder.is_dir()]
    folders = [folder for recipe in recipes for folder in recipe.glob("version_*") if run_version(folder) is not None]
    return sorted(folders, key=lambda folder: (_last_written(folder), run_version(folder)))


def new_run_folder(root: Path, name: str) -> Path:
    """Make the next free run folder. However many processes do this at once, each gets its own.

    Args:
        root: Folder of all runs.
        name: Recipe of the run.

    Raises:
        FitError: Something that is no folder is in the way.
    """
    parent = root / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:  # a file, or a link that leads nowhere
        raise FitError(
            f"{root}: expected a folder for runs, got something else, or a link that leads nowhere. Move it away, or "
            "choose another place: --trainer.default_root_dir FOLDER"
        ) from error
    version = max((run_version(folder) or 0 for folder in run_folders(root, name)), default=-1) + 1
    while True:
        folder = parent / f"version_{version}"
        try:
            folder.mkdir()
        except FileExistsError:  # another process was faster
            version += 1
        else:
            return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a run's folder; that of a process that dies is free again.

    Args:
        folder: The folder; it is made where a caller has chosen one that is not there.

    Raises:
        FitError: Another process is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # no such locks
        yield
        return
    import fcntl

    number = os.open(folder, os.O_RDONLY)  # the folder itself: there is no file to be left behind
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FitError(
                f"{folder}: another process trains this run. Wait for it, or end it (Ctrl-C saves); to train beside "
                f"it, begin anew with its settings: -c {shell_word(str(folder / 'config.yaml'))}"
            ) from error
        except OSError:  # a network file system without such locks
            pass
        yield
    finally:
        os.close(number)


def run_of_checkpoint(path: Path | None) -> Path | None:
    """The run folder that a checkpoint lies in, or None when it lies elsewhere."""
    if path is None:
        return None
    path = path.resolve()
    folder = path.parent.parent
    return folder if path.parent.name == "checkpoints" and (folder / "config.yaml").is_file() else None


def _last_written(folder: Path) -> float:
    return max((path.stat().st_mtime for path in (folder / "checkpoints").glob("*.ckpt")), default=0.0)
