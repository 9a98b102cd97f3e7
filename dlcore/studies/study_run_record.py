"""Record of a study's run, in addition to the files of every run: variant, progress, results."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from dlcore.errors import DataError
from dlcore.studies.study import run_label
from dlcore.tracking.run_file import replace_file

RECORD, PROGRESS, LOG = "study_run.json", "progress.json", "log.txt"
RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass
class Record:
    """The record of one run."""

    variant: str
    seed: int  # the run's number: its seed, or seed · folds + fold
    digest: str  # hash of its settings; see `dlcore.studies.plan`
    status: str = RUNNING  # ``running`` (or killed), ``done`` or ``failed``
    error: str = ""  # why it failed; empty otherwise
    note: str = ""  # why a fold that is done has no predictions; empty otherwise
    parameters: int = 0  # number of trained parameters
    train_samples: int = 0  # training samples of an epoch
    epochs: float = 0.0  # trained epochs
    steps: int = 0  # optimiser steps
    seconds: float = 0.0  # seconds of training and validation
    # Pairs of optimiser steps and elapsed seconds, one per validation.
    times: list[list[float]] = field(default_factory=list)
    # Metrics of the best checkpoint on the test samples; empty unless the study tests.
    test: dict[str, float] = field(default_factory=dict)
    # Distribution of the final weights: ``std``, ``reach`` (95% lie within), ``edges``, ``counts``.
    weights: dict[str, Any] = field(default_factory=dict)
    source: str = ""  # where the data came from
    is_sample: bool = False  # whether they were a built-in sample instead of the real data
    device: str = ""  # the device it ran on
    folds: int = 0  # number of folds, of which one tests; 0: none

    @property
    def label(self) -> str:
        """Its seed or its fold, in words."""
        return run_label(self.seed, self.folds)

    def write(self, folder: Path) -> None:
        """Write it into the run's folder, atomically."""
        write_json(folder / RECORD, asdict(self))


def read_record(folder: Path) -> Record | None:
    """Return the record in a run's folder; None if there is no such file.

    Raises:
        DataError: The file cannot be read, so the run's state is unknown.
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
    """Write a JSON file, atomically. NaN and infinity become null."""
    text = json.dumps(_finite(content), ensure_ascii=False, indent=1, allow_nan=False)
    replace_file(path, text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; empty if it does not exist or cannot be read."""
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
