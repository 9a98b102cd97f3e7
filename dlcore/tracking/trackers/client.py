"""Client of a tracker: what `sending` needs of MLflow, SwanLab and W&B."""

from __future__ import annotations

import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcore.config.tracker_kinds import Kind
from dlcore.errors import ArgumentError

# Settings of the libraries, unless the user has others. They tell their makers nothing, and nothing leaves this machine
# unless the user names a server or a mode. A request ends soon: it is repeated later.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "WANDB_MODE": "offline",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
    "SWANLAB_MODE": "offline",
}


class Client(ABC):
    """A run of a tracker, open for new values. Each method may raise any error; then nothing of its call counts.

    Args:
        folder: The run's folder.
        experiment: Name of the experiment.
        name: The run's name in it.
    """

    def __init__(self, folder: Path, experiment: str, name: str) -> None:
        self.folder, self.experiment, self.name = folder, experiment, name

    @abstractmethod
    def open(self, run: Mapping[str, str], began: int) -> dict[str, str]:
        """Create the tracker's run, or continue it.

        Args:
            run: What is known of it: ``token``, and after the first time what this method returned.
            began: When the run began, in milliseconds since 1970.

        Returns:
            What to know of it the next time; ``address`` says where a user sees it.
        """

    @abstractmethod
    def send_settings(self, settings: Mapping[str, Any]) -> None:
        """Send hyper-parameters."""

    @abstractmethod
    def send_rows(self, rows: Mapping[int, Mapping[str, float]], time_of: Callable[[int], int]) -> None:
        """Send values, by step and metric."""

    @abstractmethod
    def send_events(self, new: Sequence[Mapping[str, Any]], all_: Sequence[Mapping[str, Any]]) -> None:
        """Send new events."""

    @abstractmethod
    def send_file(self, path: Path, step: int) -> None:
        """Send a figure, a page or a checkpoint."""

    @abstractmethod
    def close(self, status: str) -> None:
        """Close the run with a status."""


def make_client(kind: Kind, folder: Path, experiment: str, name: str) -> Client:
    """Import a tracker's library, and return a client for a run."""
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    if kind == "mlflow":
        from dlcore.tracking.trackers.mlflow_client import MLflowClient

        return MLflowClient(folder, experiment, name)
    if kind == "swanlab":
        from dlcore.tracking.trackers.swanlab_client import SwanLabClient

        return SwanLabClient(folder, experiment, name)
    from dlcore.tracking.trackers.wandb_client import WandbClient

    return WandbClient(folder, experiment, name)


def check_installed(kind: Kind) -> None:
    """Check that a tracker's library is there, without importing it.

    Raises:
        ArgumentError: It is not; the message says what to install.
    """
    if importlib.util.find_spec(kind) is None:
        raise ArgumentError(
            "tracker",
            f"a tracker whose package is installed (`pip install 'dlcore[{kind}]'` installs that of {kind})",
            kind,
            "To train without one: --tracker off",
        )
