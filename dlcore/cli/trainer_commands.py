"""The commands ``fit``, ``validate``, ``test`` and ``predict``, with what a user sees before and after."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lightning.pytorch.utilities.rank_zero import rank_zero_only

from dlcore.cli import panels
from dlcore.configs.request import read_request
from dlcore.errors import Interrupted
from dlcore.runs import Command


def run_trainer_command(argv: Sequence[str]) -> int:
    """Carry out a command of the trainer.

    Args:
        argv: The command and what stands behind it.

    Returns:
        The exit code, 0.
    """
    request = read_request(argv)
    start = panels.StartPanel()
    began = time.monotonic()
    try:
        command = Command(request, callbacks=[start])
    except Interrupted as interrupted:
        if start.folder is not None:
            raise Interrupted(f"{interrupted} {panels.go_on(start.folder)}", interrupted.exit_code) from interrupted
        raise
    if rank_zero_only.rank == 0:
        panels.print_end(command, time.monotonic() - began)
    return 0
