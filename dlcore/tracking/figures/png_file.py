"""Writing a figure to a PNG file that says it is dlcore's, so that only such files are ever overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.style import to_png
from dlcore.tracking.run_file import replace_file, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAKER = "dlcore"
# How a PNG file holds the metadata that to_png gives it, before its pixels.
_MARK = b"tEXtSoftware\x00" + _MAKER.encode()
_HEAD = 4096


def check_png_path(path: Path, argument: str = "--out") -> None:
    """Check that a picture can be written, before the work that makes it.

    Args:
        path: The file.
        argument: What the user calls it, for the message.

    Raises:
        ArgumentError: It is no .png, lies in a folder that is not there, or is a file that dlcore did not draw.
    """
    if path.is_dir():
        raise ArgumentError(argument, "a file", str(path), f"It is a folder: name a file in it, {path / 'x.png'}.")
    if path.suffix.lower() != ".png":
        raise ArgumentError(argument, "a file name that ends in .png", str(path))
    if not path.parent.is_dir():
        raise ArgumentError(argument, "a file in a folder that is there", str(path), f"Make it: mkdir -p {path.parent}")
    if path.exists() and not _is_ours(path):
        raise ArgumentError(
            argument, "a new file, or a picture that dlcore drew", str(path), "This one is left as it is."
        )


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure; see `check_png_path`. A reader never sees half a file."""
    check_png_path(path)
    content, _, _ = to_png(figure, software=_MAKER)
    replace_png(content, path)


def replace_png(content: bytes, path: Path) -> None:
    """Put a picture into its place in one step, in a folder that is made where it is not there."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK in file.read(_HEAD)
