"""The commands as functions: the same words as on the command line, the objects back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch import Callback

from dlcore.config.request import read_request
from dlcore.runs.command import Command


def run(command: str, *words: str) -> Command:
    """Carry out a command.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        words: What would stand behind it on the command line: ``"-c", "mlp_fashion_mnist", "--model.dropout", "0.2"``.

    Returns:
        The command, with ``trainer``, ``model``, ``datamodule``, ``metrics`` and ``folder``.

    Raises:
        DlcoreError: Something asked for cannot be done.
    """
    return Command(read_request([command, *(str(word) for word in words)]))


def prepare(command: str, *words: str, only_data: bool = False) -> Command:
    """Make what a command would run with, and run nothing: trainer, model and data are there to be looked at.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        words: As for `run`.
        only_data: Make the data only, which may know too little for the recipe's model.

    Returns:
        The command. Its ``datamodule`` has read nothing yet (``setup("fit")`` does), its ``folder`` is None.

    Raises:
        DlcoreError: Something asked for cannot be done.
    """
    return Command(read_request([command, *(str(word) for word in words)]), act=False, only_data=only_data)


def fit(*words: str, callbacks: Sequence[Callback] = (), folder: Path | None = None) -> Command:
    """Train, as ``python -m dlcore fit`` does; see `run`.

    Args:
        words: As for `run`.
        callbacks: Callbacks of the caller, beside those of the recipe.
        folder: Where a new run is kept; None: the next free ``lightning_logs/<recipe>/version_<N>``.
    """
    return Command(read_request(["fit", *(str(word) for word in words)]), callbacks, folder=folder)


def validate(*words: str) -> Command:
    """Evaluate a checkpoint on the validation samples; see `run`."""
    return run("validate", *words)


def test(*words: str) -> Command:
    """Evaluate a checkpoint on the test samples; see `run`."""
    return run("test", *words)


def predict(*words: str) -> Command:
    """Answer the test samples by a checkpoint; the answers are in ``output``. See `run`."""
    return run("predict", *words)
