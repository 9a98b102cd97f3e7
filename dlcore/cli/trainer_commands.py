"""The commands ``fit``, ``validate``, ``test`` and ``predict``, with their panels before and after."""

from __future__ import annotations

import time
import warnings

from lightning.pytorch.utilities.exceptions import MisconfigurationException

from dlcore.cli import panels
from dlcore.config.request import Request
from dlcore.errors import FitError, Interrupted, RunFileError
from dlcore.plain_text import printable
from dlcore.runs import Command


def run_trainer_command(request: Request) -> int:
    """Run a command of the trainer."""
    warnings.formatwarning = lambda message, *_: f"dlcore: warning: {printable(str(message))}\n"
    start = panels.StartPanel()
    began = time.monotonic()
    try:
        command = Command(request, callbacks=[start], before=panels.print_changes)
    except Interrupted as interrupted:
        if start.folder is not None and panels.last_checkpoint(start.folder).is_file():
            raise Interrupted(f"{interrupted} {panels.go_on(start.folder)}", interrupted.exit_code) from interrupted
        raise
    except RunFileError as error:
        if start.folder is not None and panels.last_checkpoint(start.folder).is_file():
            raise FitError(f"{error} {panels.go_on(start.folder)}") from error
        raise
    except MisconfigurationException as error:  # Lightning's error for incompatible settings
        raise FitError(" ".join(str(error).split())) from error
    if command.trainer.is_global_zero:
        panels.print_end(command, time.monotonic() - began)
    return 0
