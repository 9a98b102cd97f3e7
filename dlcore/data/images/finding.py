"""Which pictures and which classes a folder holds.

``root/class/…`` has classes and no parts; ``root/train/class/…``, with ``val`` and ``test`` beside it where there are
such, has both; pictures that lie in root itself have neither, and can be predicted only.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dlcore.errors import ArgumentError, DataError

_KINDS = "jpg jpeg jpe jfif png webp bmp gif tif tiff ppm pgm pbm pnm avif jp2 j2k ico tga qoi"
ENDINGS = frozenset(f".{kind}" for kind in _KINDS.split())
PARTS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test",)}
_PICTURES = "pictures (.jpg, .png, .webp, .bmp, .gif, .tif, …)"


@dataclass
class Found:
    """What a folder holds.

    Attributes:
        root: The folder.
        class_names: Names of the class folders, sorted; empty where there are none.
        names: Paths of the pictures within root, class after class, sorted.
        targets: The class of each picture, as an index into `class_names`; -1 where there are none.
        parts: The places among `names` of each part that has a folder of its own; empty where none has.
        ignored: How many files of which ending are no pictures.
    """

    root: Path
    class_names: list[str]
    names: list[str] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    parts: dict[str, range] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)


def find_pictures(root: str) -> Found:
    """Look what a folder holds. Names that begin with a dot are passed over, links are followed.

    Args:
        root: The folder.

    Raises:
        ArgumentError: There is no such folder.
        DataError: It holds no pictures, a class is empty, or the parts have different classes.
    """
    top = Path(root).expanduser()
    if not top.is_dir():
        what = "There is a file of that name." if top.exists() else "There is nothing of that name."
        raise ArgumentError("root", "a folder with a folder of pictures for each class", root, what)
    folders = _subfolders(top)
    part_folders = {part: next((name for name in PARTS[part] if name in folders), None) for part in PARTS}
    train = part_folders["train"]
    if train is None or not _subfolders(top / train):
        return _without_parts(top, folders)
    others = sorted(set(folders) - set(part_folders.values()) - {None})
    if others:
        raise DataError(
            f"{top}: expected the folders train, val and test alone, or class folders alone, got {train} beside "
            f"{_listed(others)}. Put the class folders into {train}, or take {train} away."
        )
    found = Found(top, _subfolders(top / train))
    for part, folder in part_folders.items():
        if folder is not None:
            _check_classes(top, train, folder, found.class_names)
            start = len(found.names)
            _collect(found, top / folder)
            found.parts[part] = range(start, len(found.names))
    return found


def _without_parts(top: Path, folders: list[str]) -> Found:
    found = Found(top, folders)
    if folders:
        _collect(found, top)
        return found
    found.names = _pictures_below(top, top, found.ignored)
    found.targets = [-1] * len(found.names)
    if not found.names:
        raise DataError(f"{top}: expected a folder of {_PICTURES} for each class, got {_instead(found.ignored)}.")
    return found


def _collect(found: Found, folder: Path) -> None:
    """Take up the pictures of each class folder."""
    for target, name in enumerate(found.class_names):
        ignored: Counter[str] = Counter()
        names = _pictures_below(folder / name, found.root, ignored)
        if not names:
            raise DataError(
                f"{folder / name}: expected {_PICTURES} in each class folder, got {_instead(ignored)}. Put pictures "
                "there, or take the folder away."
            )
        found.names += names
        found.targets += [target] * len(names)
        found.ignored += ignored


def _check_classes(top: Path, train: str, folder: str, expected: list[str]) -> None:
    have = set(_subfolders(top / folder))
    missing, more = sorted(set(expected) - have), sorted(have - set(expected))
    if not have:
        raise DataError(
            f"{top / folder}: expected the {len(expected)} class folders of {train}, got none. Pictures without "
            f"classes are a root of their own: predict --data.root {top / folder}."
        )
    if missing or more:
        differences = [f"{_listed(missing)} missing"] * bool(missing) + [f"{_listed(more)} more"] * bool(more)
        raise DataError(f"{top / folder}: expected the class folders of {train}, got {' and '.join(differences)}.")


def _subfolders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not _is_hidden(entry.name))


def _pictures_below(folder: Path, root: Path, ignored: Counter[str]) -> list[str]:
    """Paths within root of the pictures in a folder and in those within it."""
    names: list[str] = []
    seen: set[str] = set()
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:  # a link that leads in a circle
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(files):
            ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 (of a million names, a Path of each costs seconds)
            if _is_hidden(name):
                continue
            if ending in ENDINGS:
                names.append(os.path.relpath(os.path.join(path, name), root))  # noqa: PTH118
            else:
                ignored[ending or "no ending"] += 1
    return names


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _instead(ignored: Counter[str]) -> str:
    if not ignored:
        return "nothing"
    return "only others: " + ", ".join(f"{count:,} × {ending}" for ending, count in ignored.most_common(5))


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12:,} more"
