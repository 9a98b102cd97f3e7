"""The commands ``fit``, ``validate``, ``test`` and ``predict``, with what a user sees before and after."""

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
    """Carry out a command of the trainer.

    Args:
        request: What was asked for.

    Returns:
        The exit code, 0.
    """
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
    except MisconfigurationException as error:  # Lightning's word for settings that do not go together
        raise FitError(" ".join(str(error).split())) from error
    if command.trainer.is_global_zero:
        panels.print_end(command, time.monotonic() - began)
    return 0
