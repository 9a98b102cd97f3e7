"""PNG files of figures, marked as dlcore's, so that only such files are overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.style import to_png
from dlcore.tracking.run_file import replace_file, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAKER = "dlcore"
# Bytes of the metadata from `to_png` in a PNG file, before the pixels.
_MARK = b"tEXtSoftware\x00" + _MAKER.encode()
_HEAD = 4096


def check_png_path(path: Path, argument: str = "--out") -> None:
    """Check that a picture can be written, before drawing it.

    Args:
        path: The file.
        argument: Name of the argument, for the message.

    Raises:
        ArgumentError: It is not a .png file, its folder does not exist, or dlcore did not draw the existing file.
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
    """Write a figure atomically, after `check_png_path`."""
    check_png_path(path)
    content, _, _ = to_png(figure, software=_MAKER)
    replace_png(content, path)


def replace_png(content: bytes, path: Path) -> None:
    """Write a picture atomically; create the folder if necessary."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK in file.read(_HEAD)
