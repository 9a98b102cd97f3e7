"""Logger that stands beside `dlcore.tracking.RunLogger` and has its run sent to a tracker."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning_utilities.core.rank_zero import rank_zero_only
from torch import Tensor
from torch.nn import Module

from dlcore.config.secrets import without_secrets
from dlcore.config.tracker_kinds import KINDS, Kind
from dlcore.errors import ArgumentError, DlcoreError, RunFileError, in_a_line
from dlcore.plain_text import shell_word
from dlcore.tracking.hparams import columns
from dlcore.tracking.run_file import replace_file
from dlcore.tracking.run_logger import RunLogger
from dlcore.tracking.trackers.client import check_installed
from dlcore.tracking.trackers.journal import Journal, is_unbroken
from dlcore.tracking.trackers.pending import pending, write_settings
from dlcore.translation import _

_PATIENCE = 5.0  # seconds that the end of a run waits for the tracker,
_UNBROKEN_PATIENCE = 60.0  # and while a database is made on this machine, which a kill would leave half made


class TrackerLogger(Logger):
    """Sends a run to MLflow, SwanLab or W&B while it trains: metrics, settings, events, figures, the best checkpoint.

    Another process reads them from the run's folder and sends them, so the training never waits, whatever the tracker
    does. At the end of the run it has 5 seconds for the rest; a warning says what was not sent, and the command that
    sends it. A resumed run continues the tracker's run. Only rank 0 sends.

    The servers are those of the libraries' own settings (``MLFLOW_TRACKING_URI``, ``WANDB_MODE``, ``SWANLAB_MODE``);
    without them, everything stays on this machine.

    Args:
        kind: The tracker: mlflow, swanlab or wandb.
        run: The run's own logger; put it before this one: ``Trainer(logger=[run, TrackerLogger("mlflow", run)])``.

    Raises:
        ArgumentError: Unknown tracker, or its package is not installed.
    """

    def __init__(self, kind: Kind, run: RunLogger) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ArgumentError("kind", f"one of {', '.join(KINDS)}", kind)
        check_installed(kind)
        self.kind, self._run = kind, run
        self._settings: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The tracker's name."""
        return self.kind

    @property
    def version(self) -> str:
        """The run's folder."""
        return self._run.log_dir

    @rank_zero_only
    def start(self) -> None:
        """Start to send, unless that has begun."""
        if self._process is not None:
            return
        command = [sys.executable, "-m", "dlcore.tracking.trackers.follower", self._run.log_dir, self.kind]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=None if os.environ.get("DLCORE_DEBUG") else subprocess.DEVNULL,
                start_new_session=True,  # a terminal's Ctrl-C is for the training
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        except OSError as error:
            self._warn(in_a_line(error))

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | argparse.Namespace, *args: Any, **kwargs: Any) -> None:
        """Write settings into the run's folder, from where they are sent."""
        flat = columns(without_secrets(dict(params if isinstance(params, Mapping) else vars(params))))
        whole = {name: int(value) for name, value in flat.items() if isinstance(value, float) and value.is_integer()}
        self._settings |= flat | whole
        with suppress(RunFileError, OSError):  # then those of config.yaml are sent
            write_settings(Path(self._run.log_dir), self._settings, replace_file)
        self.start()

    def log_graph(self, model: Module, input_array: Tensor | None = None) -> None:
        """Start to send; not the graph."""
        self.start()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Do nothing: they are sent from the run's ``metrics.csv``."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Wait at most some seconds until all is sent; warn of what was not."""
        process, self._process = self._process, None
        if process is None:
            return
        folder = Path(self._run.log_dir)
        _end(process, folder)
        try:
            journal = Journal(folder, self.kind)
            left = pending(folder, journal, ended=True)
        except DlcoreError as error:
            self._warn(str(error))
            return
        if left:
            self._warn(journal.error or _("no answer within {n:g} seconds").format(n=_PATIENCE), left.words())

    def address(self) -> str:
        """Return where the run is seen, or the command that shows it; empty if nothing was sent."""
        try:
            return Journal(Path(self._run.log_dir), self.kind).run.get("address", "")
        except DlcoreError:
            return ""

    def _warn(self, why: str, what: str = "") -> None:
        said = _("{tracker}: not all was sent, training went on without it ({why}).")
        if what:
            said = _("{tracker}: not sent: {what} ({why}).")
        send = _("It is kept in the run's folder. To send it: {command}")
        command = f"python -m dlcore sync {shell_word(os.path.relpath(self._run.log_dir))} --tracker {self.kind}"
        text = f"{said.format(tracker=self.kind, what=what, why=why)} {send.format(command=command)}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_process": None}  # for spawned processes


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Tell the follower that the run has ended, and give it some seconds; more while it makes a local database."""
    try:
        # A word, not only the end of the pipe, which forked data workers hold open too.
        process.communicate(b"end\n", timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        if is_unbroken(folder):
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_UNBROKEN_PATIENCE)
                return
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()
