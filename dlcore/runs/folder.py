"""The folder of a run: found, locked, with absolute paths in its config.

A new run's folder is chosen by `dlcore.runs.trainer_setup.make_logger`: that of the resumed run, that of a restarted
attempt, a given one, or else the next free ``version_N`` (`dlcore.tracking.run_file.new_run_folder`).
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlcore.errors import FitError
from dlcore.plain_text import shell_word
from dlcore.tracking.run_file import RUNS_FOLDER, run_version

# Arguments of models and data modules that are files or folders, and endings of such names in users' own classes.
_NAMES = ("root", "path", "file", "folder", "dir", "weights", "dictionary", "user_dict")
_ENDINGS = ("_root", "_path", "_file", "_folder", "_dir")


def runs_root(default_root_dir: str | Path | None = None) -> Path:
    """Return the folder of all runs: ``lightning_logs`` in the trainer's default_root_dir, or in the working folder."""
    return Path(default_root_dir or ".") / RUNS_FOLDER


def run_folders(root: Path, name: str | None = None) -> list[Path]:
    """Return the folders of a recipe's runs (or of all), oldest first by the time of their last checkpoint."""
    recipes = [root / name] if name else [folder for folder in root.glob("*") if folder.is_dir()]
    folders = [folder for recipe in recipes for folder in recipe.glob("version_*") if run_version(folder) is not None]
    return sorted(folders, key=lambda folder: (_last_written(folder), run_version(folder)))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run's folder against other training processes; the lock ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # no flock
        yield
        return
    import fcntl

    number = os.open(folder, os.O_RDONLY)  # lock the folder itself: no lock file can remain
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FitError(
                f"{folder}: another process trains this run. Wait for it, or end it (Ctrl-C saves); to train at "
                f"the same time, start a new run with its settings: -c {shell_word(str(folder / 'config.yaml'))}"
            ) from error
        except OSError:  # a network file system without such locks
            pass
        yield
    finally:
        os.close(number)


def run_of_checkpoint(path: Path | None) -> Path | None:
    """Return the run folder that contains a checkpoint, or None if it is elsewhere."""
    if path is None:
        return None
    path = path.resolve()
    folder = path.parent.parent
    return folder if path.parent.name == "checkpoints" and (folder / "config.yaml").is_file() else None


def _last_written(folder: Path) -> float:
    return max((path.stat().st_mtime for path in (folder / "checkpoints").glob("*.ckpt")), default=0.0)


def with_absolute_paths(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config with absolute paths in the arguments of model and data that are a file, folder or pattern."""
    changed = dict(config)
    for section in ("model", "data"):
        content = config.get(section)
        arguments = content.get("init_args") if isinstance(content, dict) else None
        if content is not None and isinstance(arguments, dict):
            kept = {name: _absolute(value) if _is_path(name) else value for name, value in arguments.items()}
            changed[section] = content | {"init_args": kept}
    return changed


def _is_path(name: str) -> bool:
    return name in _NAMES or name.endswith(_ENDINGS)


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(each) for each in value]
    if not isinstance(value, str):
        return value
    path = Path(value).expanduser()
    return os.path.abspath(path) if path.exists() or glob.has_magic(value) else value  # noqa: PTH100 (links stay)
