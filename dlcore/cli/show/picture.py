"""Files of the pictures of ``show``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.errors import ArgumentError
from dlcore.notebook import Output, in_notebook, png_text
from dlcore.tracking.figures.style import check_png_path, write_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FOLDER = "show"
_LONGEST_NAME = 80


def picture_path(given: str | None, name: str) -> Path:
    """Return the file of a picture, checked before the picture is computed."""
    if given is not None:
        path = Path(given).expanduser()
        check_png_path(path)
        return path
    folder = Path(_FOLDER)
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(
            "--out", "a folder show/ for the picture", "a file of that name", "Give another: --out x.png"
        )
    word = re.sub(r"[^\w.=-]+", "_", name).strip("_")
    path = folder / f"{word[:_LONGEST_NAME]}.png"
    if folder.is_dir():
        check_png_path(path, str(path))
    return path


def save_picture(figure: Figure, path: Path) -> None:
    """Write a picture and print its path, and show it in a notebook; create the folder show/ if necessary."""
    path.parent.mkdir(exist_ok=True)
    write_png(figure, path)
    print(f"picture: {path}")
    if in_notebook():
        Output().show({"image/png": png_text(path.read_bytes()), "text/plain": str(path)})
