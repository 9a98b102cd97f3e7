"""Layout of a data set's folders: which are parts (train, val, test), and which are classes."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from dlcore.errors import DataError
from dlcore.plain_text import decoded_name, shell_word

PARTS = ("train", "val", "test")
_WORDS = {
    **dict.fromkeys(("train", "training", "训练"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "验证"), "val"),
    **dict.fromkeys(("test", "testing", "测试"), "test"),
}
_ENDING = re.compile(r"[\W_]*(set|data|集)$")  # training_set, TestData, 训练集
# Files that systems and programs leave in folders, in lower case; names that begin with a dot are hidden anyway.
_LITTER = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information", "lost+found"}


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is skipped."""
    return name.startswith(".") or name.lower() in _LITTER


def part_of(name: str) -> str | None:
    """Return the part that a folder's name means, in any case: ``train``, ``val`` or ``test``; None for other names."""
    word = name.strip().lower()
    return _WORDS.get(word) or _WORDS.get(_ENDING.sub("", word))


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name))
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(folder: Path | str, error: OSError) -> DataError:
    """Return the error of a folder that cannot be read."""
    return DataError(f"{folder}: expected a folder that may be read: {error.strerror}. Allow it: chmod -R u+rX FOLDER.")


def part_folders(top: Path) -> dict[str, str]:
    """Return the folder of each part of a data set; empty if its folders are classes.

    Parts that lie next to classes, are empty, occur twice, or lack the training part are a `DataError`.
    """
    folders = subfolders(top)
    named = [name for name in folders if part_of(name)]
    deep = [name for name in named if subfolders(top / name)]
    if not deep and (not named or named != folders):
        return {}  # a class may be called train
    if others := [name for name in folders if name not in named]:
        raise DataError(
            f"{top}: expected the folders train, val and test alone, or class folders alone, got {deep[0]} and "
            f"{listed(others)}. Put the class folders into a folder train, or take {deep[0]} away."
        )
    choice = f"--data.root {shell_word(str(top / named[-1]))}"
    if not deep:
        raise DataError(
            f"{top}: expected class folders in {listed(named)}, which are parts and no classes, got none. Only predict "
            f"needs no classes, of a folder that holds the pictures: {choice}"
        )
    parts: dict[str, str] = {}
    for name in named:
        part = part_of(name) or ""
        if part in parts:
            raise DataError(
                f"{top}: expected one folder for each part, got {listed([parts[part], name])}, which both mean {part}. "
                "Put their pictures together, or take one away."
            )
        parts[part] = name
    if "train" not in parts:
        raise DataError(
            f"{top}: expected a folder train next to {listed(named)}, got none. To evaluate on one of them: {choice}"
        )
    return {part: parts[part] for part in PARTS if part in parts}


def check_shared(top: Path, inner: Iterable[str], depth: int) -> None:
    """Refuse class folders that hold the same subfolders: then those are the classes, or the parts.

    inner are the folders that hold pictures, as paths within top; depth is the number of folders above a class folder:
    0, or 1 with parts. It is a `DataError` if at least half of the class folders hold two folders of the same names, or
    a part.
    """
    paths = [Path(name).parts for name in dict.fromkeys(inner)]
    holders: dict[str, set[str]] = defaultdict(set)
    for steps in paths:
        if len(steps) > depth + 1:
            holders[steps[depth + 1]].add(steps[depth])
    folders = {steps[depth] for steps in paths}
    shared = sorted(name for name, above in holders.items() if len(above) >= max(2, len(folders) / 2))
    parts = [name for name in shared if part_of(name)]
    if len(shared) < 2 and not parts:
        return
    same = sorted(set.intersection(*(holders[name] for name in shared)) or folders)
    what = f"{top}: expected class folders, got {listed(same)}, which hold the same folders: {listed(shared)}. "
    if parts:
        raise DataError(f"{what}Put the parts on top: {parts[0]}/{same[0]}, {parts[0]}/{same[-1]}, …")
    one = shell_word(str(top.joinpath(*paths[0][:depth], same[0])))
    raise DataError(
        f"{what}If these are the classes, call the folders above them train, val and test, or choose one: --data.root "
        f"{one}. If they are not, put all pictures of a class into one folder."
    )


def deeper(top: Path) -> Path | None:
    """Return the folder that may hold class folders if `top` holds only one folder; None if there is none."""
    folders = subfolders(top)
    while len(folders) == 1:
        top = top / folders[0]
        folders = subfolders(top)
    return top if folders else None


def listed(names: list[str]) -> str:
    """List names for a message: twelve at most."""
    shown = ", ".join(repr(decoded_name(name)) for name in names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12:,} more"
