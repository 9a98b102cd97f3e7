"""A run's own folder: ``lightning_logs/<recipe>/version_N``, made so that each run gets another one."""

from __future__ import annotations

import re
from pathlib import Path

from dlcore.errors import FitError

RUNS_FOLDER = "lightning_logs"
_VERSION = re.compile(r"version_(\d+)")


def run_version(folder: Path) -> int | None:
    """The number in a run folder's name, or None when it is no run folder."""
    found = _VERSION.fullmatch(folder.name)
    return int(found[1]) if found else None


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
    version = max((run_version(folder) or 0 for folder in parent.glob("version_*")), default=-1) + 1
    while True:
        folder = parent / f"version_{version}"
        try:
            folder.mkdir()
        except FileExistsError:  # another process was faster
            version += 1
        else:
            return folder
