"""Folders of runs, ``lightning_logs/<recipe>/version_N``: each run gets its own."""

from __future__ import annotations

import re
from pathlib import Path

from dlcore.errors import FitError

RUNS_FOLDER = "lightning_logs"
_VERSION = re.compile(r"version_(\d+)")


def run_version(folder: Path) -> int | None:
    """Return the number in a run folder's name; None if it is not a run folder."""
    found = _VERSION.fullmatch(folder.name)
    return int(found[1]) if found else None


def new_run_folder(root: Path, name: str) -> Path:
    """Create the next free run folder. Processes that do this at the same time get different folders.

    Args:
        root: Folder of all runs.
        name: Recipe of the run.

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
