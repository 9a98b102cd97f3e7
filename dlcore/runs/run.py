"""The commands as functions: they take the words of the command line and return the objects."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch import Callback

from dlcore.config.allow_list import allow_flag
from dlcore.config.request import read_request
from dlcore.errors import Interrupted
from dlcore.runs.command import Command


def run(command: str, *words: str) -> Command:
    """Run a command.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        words: The words after it on the command line: ``"-c", "mlp_fashion_mnist", "--model.dropout", "0.2"``.

    Returns:
        The command, with ``trainer``, ``model``, ``datamodule``, ``metrics`` and ``folder``.

    Raises:
        DlcoreError: The command cannot be run.
    """
    return Command(read_request([command, *(str(word) for word in words)]))


def prepare(command: str, *words: str, only_data: bool = False) -> Command:
    """Create the trainer, model and data of a command for inspection, and run nothing.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        words: As for `run`.
        only_data: Create only the data, for example if they lack facts that the recipe's model needs.

    Returns:
        The command. Its ``datamodule`` has read nothing yet (``setup("fit")`` does), its ``folder`` is None.

    Raises:
        DlcoreError: The command cannot be prepared.
    """
    return Command(read_request([command, *(str(word) for word in words)]), act=False, only_data=only_data)


def fit(*words: str, callbacks: Sequence[Callback] = (), folder: Path | None = None) -> Command:
    """Train, as ``python -m dlcore fit`` does; see `run`.

    Args:
        words: As for `run`.
        callbacks: Callbacks of the caller, in addition to those of the recipe.
        folder: Folder of a new run; None: the next free ``lightning_logs/<recipe>/version_<N>``.

    In a notebook the curves grow below the cell, and the command that this returns shows the run's summary.
    """
    try:
        return Command(read_request(["fit", *(str(word) for word in words)]), callbacks, folder=folder)
    except Interrupted as error:
        if error.checkpoint is None:
            raise
        go_on = ["--ckpt_path", str(error.checkpoint), *shlex.split(allow_flag(error.checkpoint.parent.parent))]
        text = f"{error} Go on: fit({', '.join(map(repr, go_on))})"
        raise Interrupted(text, error.exit_code, error.checkpoint) from error


def validate(*words: str) -> Command:
    """Evaluate a checkpoint on the validation samples; see `run`."""
    return run("validate", *words)


def test(*words: str) -> Command:
    """Evaluate a checkpoint on the test samples; see `run`."""
    return run("test", *words)


def predict(*words: str) -> Command:
    """Predict the test samples with a checkpoint; the predictions are in ``output``. See `run`."""
    return run("predict", *words)
