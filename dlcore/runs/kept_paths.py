"""Saved paths: absolute, so that a test started in another folder finds the same files."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

# Arguments of models and data modules that are files or folders, and endings of such names in users' own classes.
_NAMES = ("root", "path", "file", "folder", "dir", "weights", "dictionary", "user_dict")
_ENDINGS = ("_root", "_path", "_file", "_folder", "_dir")


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
