"""The files, folders and patterns behind ``predict``, as the flag of the data that reads them."""

from __future__ import annotations

import atexit
import inspect
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import dlcore.data
from dlcore.config.allow_list import found_at
from dlcore.config.request import Flag
from dlcore.errors import ArgumentError

STDIN = "-"


def flag_of_inputs(inputs: Sequence[str], data: str) -> Flag:
    """Return the flag for the inputs: ``--data.path`` for a file of rows, ``--data.root`` for files and folders.

    Data with an argument `pictures` (FashionMNIST) get ``--data.pictures``.

    Args:
        inputs: A file, folders or patterns; ``-`` is standard input.
        data: Path of the data's class.

    Raises:
        ArgumentError: The class takes no such inputs, or not several.
    """
    kind = getattr(dlcore.data, data.removeprefix("dlcore.data."), None) or found_at(data)
    arguments = inspect.signature(kind).parameters
    # Where there are pictures, root is the folder of the training.
    names = [name for name in ("pictures", "path", "root") if name in arguments][: 1 if "pictures" in arguments else 2]
    if not names:
        raise ArgumentError("predict", "flags of the data", inputs[0], f"{kind.__name__} has no argument path or root.")
    name = names[-1] if names[0] != "path" or (len(names) == 2 and not _is_file(inputs[0])) else "path"
    if name != "path" and STDIN not in inputs:
        return Flag(f"data.{name}", inputs[0] if len(inputs) == 1 else json.dumps(list(inputs), ensure_ascii=False))
    if len(inputs) > 1:
        raise ArgumentError("predict", "one file of rows", list(inputs), "Predict them one after the other.")
    return Flag(f"data.{name}", str(_standard_input()) if inputs[0] == STDIN else inputs[0])


def _is_file(name: str) -> bool:
    return name == STDIN or Path(name).expanduser().is_file()


def _standard_input() -> Path:
    """Write what stands on standard input to a file, and return it; its name gives the predictions theirs."""
    folder = tempfile.mkdtemp(prefix="dlcore")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder, "stdin")
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path
