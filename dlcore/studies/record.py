"""What a run of a study keeps beside what every run keeps: whose it is, how far it is, what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from dlcore.errors import DataError
from dlcore.tracking.run_file import replace_file

RECORD, PROGRESS, LOG = "study_run.json", "progress.json", "log.txt"
RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass
class Record:
    """The record of one run.

    Args:
        variant: The variant's name.
        seed: The seed.
        digest: Tells its settings from others; see `dlcore.studies.plan`.
        status: ``running`` (or ended without a word: killed), ``done`` or ``failed``.
        error: Why it failed; empty otherwise.
        parameters: Trained parameters.
        train_samples: Training samples of an epoch.
        epochs: Epochs that were trained.
        steps: Optimiser steps.
        seconds: Seconds of training and validation.
        times: Optimiser steps and the seconds after which they were done, once a validation.
        test: Metrics of the best checkpoint on the test samples; empty where a study does not ask for them.
        weights: How the weights are distributed at the end: ``std``, ``reach`` (95% lie within), ``edges``, ``counts``.
        source: Where the data came from.
        is_sample: Whether they were a built-in sample instead of the real data.
        device: What it ran on.
    """

    variant: str
    seed: int
    digest: str
    status: str = RUNNING
    error: str = ""
    parameters: int = 0
    train_samples: int = 0
    epochs: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    times: list[list[float]] = field(default_factory=list)
    test: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    is_sample: bool = False
    device: str = ""

    def write(self, folder: Path) -> None:
        """Write it into the run's folder; a reader sees the old one or the new one, whole."""
        write_json(folder / RECORD, asdict(self))


def read_record(folder: Path) -> Record | None:
    """The record in a run's folder; None where there is no such file.

    Raises:
        DataError: There is one that cannot be read: what the run has come to is not known.
    """
    path = folder / RECORD
    known = {each.name for each in fields(Record)}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(**{name: value for name, value in content.items() if name in known})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        text = " ".join(str(error).split())
        raise DataError(f"{path}: expected the record of a run of a study, which cannot be read: {text}.") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file of JSON; a reader sees the old one or the new one, whole. NaN and infinity become null."""
    text = json.dumps(_finite(content), ensure_ascii=False, indent=1, allow_nan=False)
    replace_file(path, text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file of JSON; empty where there is no such file, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
