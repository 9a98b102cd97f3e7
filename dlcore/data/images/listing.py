"""List the picture files of folders and patterns, without a look into the files."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from dlcore.data.images.file_names import PIECE
from dlcore.data.images.layout import is_hidden, unreadable
from dlcore.errors import ArgumentError
from dlcore.plain_text import decoded_name

_KINDS = "jpg jpeg jpe jfif png webp bmp gif tif tiff ppm pgm pbm pnm avif jp2 j2k ico tga qoi"
ENDINGS = frozenset(f".{kind}" for kind in _KINDS.split())


def pictures_below(folder: Path, root: Path, ignored: Counter[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder that holds pictures, `folder` or below it, and its pictures, as paths within root.

    Of a folder with many pictures, a piece is yielded at a time.
    """
    seen: set[str] = set()
    for path, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:  # a link that forms a loop
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        # Once a folder, since relpath takes longer than anything else here.
        within = os.path.relpath(path, root)
        above = "" if within == os.curdir else within + os.sep
        files.sort()
        for start in range(0, len(files), PIECE):
            names = []
            for name in files[start : start + PIECE]:
                if name[name.rfind(".") :].lower() in ENDINGS and name[0] != ".":  # a Path of each would cost seconds
                    names.append(above + name)
                elif not is_hidden(name):
                    ignored[kind_of(os.path.join(path, name))] += 1  # noqa: PTH118
            if names:
                yield within, names


def kind_of(path: str) -> str:
    """Return the ending of a skipped file, in lower case."""
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122
    if ending not in ENDINGS and os.path.islink(path) and not os.path.exists(path):  # noqa: PTH110, PTH114
        return "broken link"
    return decoded_name(ending) or "no ending"


def _refuse(error: OSError) -> None:
    raise unreadable(error.filename, error)


def named_pictures(roots: Sequence[str], argument: str) -> list[str]:
    """Return pictures, absolute, each once, in the order of files, folders and patterns that name them."""
    files: dict[str, None] = {}
    for root in roots:
        path = Path(root).expanduser()
        if path.is_dir():
            above = os.path.join(path, "")  # noqa: PTH118
            named = [above + name for _, names in pictures_below(path, path, Counter()) for name in names]
        elif path.is_file():
            named = [str(path)]
        else:
            matches = glob.glob(str(path), recursive=True) if glob.has_magic(root) else []  # noqa: PTH207
            named = [each for each in sorted(matches) if os.path.splitext(each)[1].lower() in ENDINGS]  # noqa: PTH122
        if not named:
            there = "It holds none." if path.is_dir() else "There is nothing of that name."
            raise ArgumentError(argument, "pictures: a file, a folder, a pattern or a list of these", root, there)
        files |= dict.fromkeys(map(os.path.abspath, named))  # links stay
    return list(files)
