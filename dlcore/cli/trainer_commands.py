"""The commands ``fit``, ``validate``, ``test`` and ``predict``, with their panels before and after."""

from __future__ import annotations

import time

from lightning.fabric.utilities.exceptions import MisconfigurationException

from dlcore.cli import panels
from dlcore.cli.terminal import one_line_warnings
from dlcore.config.request import Request
from dlcore.errors import FitError, Interrupted, RunFileError
from dlcore.runs import Command


def run_trainer_command(request: Request) -> int:
    """Run a command of the trainer."""
    one_line_warnings()
    start = panels.StartPanel()
    began = time.monotonic()
    try:
        command = Command(request, callbacks=[start], before=panels.print_changes)
    except (Interrupted, RunFileError) as error:
        if start.folder is None or not panels.last_checkpoint(start.folder).is_file():
            raise
        text = f"{error} {panels.go_on(start.folder)}"
        raise (Interrupted(text, error.exit_code) if isinstance(error, Interrupted) else FitError(text)) from error
    except MisconfigurationException as error:  # Lightning's error for incompatible settings
        raise FitError(" ".join(str(error).split())) from error
    if command.trainer.is_global_zero:
        panels.print_end(command, time.monotonic() - began)
    return 0
