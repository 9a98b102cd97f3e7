"""What an evaluation of other data than the run's own leaves behind gets a name of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlcore.runs.command import Command


def named_after_data(command: Command, name: str) -> str:
    """A file's name, with that of the data where they are not the run's own: ``test.json`` or ``test_photos.json``.

    Args:
        command: The command that evaluates.
        name: The file's name where the data are the run's own.
    """
    elsewhere = command.request.value("data.path") or command.request.value("data.root")
    path = Path(name)
    return f"{path.stem}_{_name_of(str(elsewhere))}{path.suffix}" if elsewhere else name


def class_names(command: Command) -> list[str] | None:
    """Names of the classes that a command's model tells apart: those that the data know, else their numbers.

    Returns:
        The names; None where the model is no classifier, or it is not known.
    """
    facts = command.datamodule.facts() if hasattr(command.datamodule, "facts") else {}
    classes = getattr(getattr(command.model, "task", None), "num_classes", None)
    return facts.get("class_names") or (None if classes is None else [str(k) for k in range(classes)])


def _name_of(data: str) -> str:
    """A short name of data: that of their file or folder; ``other`` for a pattern or a list, which have none."""
    path = Path(data).expanduser()
    if not path.exists():
        return "other"
    return path.stem.strip(".") or path.resolve().stem or "other"  # "." and ".." are names of a folder with another
