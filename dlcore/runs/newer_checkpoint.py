"""A checkpoint of a later dlcore is said to be one, before it is misunderstood."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import dlcore
from dlcore.runs.checkpoint_file import RECORD_KEY


def warn_of_newer(checkpoint: dict[str, Any], path: Path | None) -> None:
    """Warn where a checkpoint was written by a later version than this one.

    Args:
        checkpoint: What it holds.
        path: Its file.
    """
    made_by = str(checkpoint.get(RECORD_KEY, {}).get("version", "0"))
    if _numbers(made_by) > _numbers(dlcore.__version__):
        warnings.warn(
            f"{path} was written by dlcore {made_by}, which is newer than this one ({dlcore.__version__}): it may hold "
            "what is not known here. If it is refused, or behaves oddly, use that version.",
            UserWarning,
            2,
        )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
