"""Find the pictures and the classes of a folder, and assign them to training, validation and test.

``root/class/…`` has classes and no parts; ``root/train/class/…``, optionally with ``val`` and ``test``, has both (in
any case; Training, Testing, 验证集 and the like, too); pictures directly in root have neither, and can only be
predicted.

Shapes: M files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dlcore.data.images.file_names import FileNames
from dlcore.data.images.layout import (
    PARTS,
    check_shared,
    is_hidden,
    listed,
    part_folders,
    part_of,
    subfolders,
)
from dlcore.data.images.listing import ENDINGS, kind_of, named_pictures, pictures_below
from dlcore.data.resumable_data import fill_empty_parts
from dlcore.data.splits import HoldOut, groups_by_name
from dlcore.errors import ArgumentError, DataError
from dlcore.plain_text import decoded_name
from dlcore.progress_bar import progress_bar

_SHOWN = 3  # folders that a note names
_PICTURES = "pictures (.jpg, .png, .webp, .bmp, .gif, .tif, …)"


@dataclass
class Found:
    """The content of a folder."""

    root: Path  # the folder
    class_names: list[str]  # names of the class folders, sorted; empty if there are none
    names: FileNames = field(default_factory=FileNames)  # paths of the pictures in root, class after class, sorted
    # the class of each picture, as an index into `class_names`; -1 without classes
    targets: list[int] = field(default_factory=list)
    # the indices into `names` of each part that has its own folder; empty if none has
    parts: dict[str, range] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)  # number of files that are not read, by file ending
    # pictures next to the class folders; they have no class and are not read
    beside: list[str] = field(default_factory=list)
    without: dict[str, list[str]] = field(default_factory=dict)  # for val and test, the classes without pictures
    note: str = ""  # what is to be said about the folder

    @property
    def is_cut(self) -> bool:
        """Whether the split is random: some part has no folder of its own."""
        return len(self.parts) < len(PARTS)

    @property
    def own(self) -> list[str]:
        """Of ``val`` and ``test`` those with a folder of their own."""
        return [part for part in ("val", "test") if part in self.parts]

    @property
    def fingerprint(self) -> str:
        """A hash of the files' names, to tell whether they are those of the training."""
        return self.names.hash


def find_pictures(root: str | Sequence[str]) -> Found:
    """Scan a folder. Names that begin with a dot are skipped, links are followed.

    Without pictures, with a class that has none, or with folders that are neither parts nor classes, it is an error.
    """
    if not isinstance(root, str):
        remedy = "Only predict, with --ckpt_path, takes several."
        raise ArgumentError("root", "one folder with a folder of pictures for each class", root, remedy)
    top = Path(root).expanduser()
    if not top.is_dir():
        what = "There is a file of that name." if top.exists() else "There is nothing of that name."
        raise ArgumentError("root", "a folder with a folder of pictures for each class", root, what)
    parts = part_folders(top)
    classes = subfolders(top / parts.get("train", ""))
    found = Found(top, [decoded_name(name) for name in classes])
    if not classes:
        _collect_all(found)
        if not found.names:
            raise DataError(f"{top}: expected a folder of {_PICTURES} for each class, got {_instead(found.ignored)}.")
        return found
    _see_beside(found, top)
    folders: list[str] = []
    with _finding() as advance:
        for part, folder in parts.items() or {"": ""}.items():
            start = len(found.names)
            if part:
                _check_classes(top, parts["train"], folder, classes)
                _see_beside(found, top / folder)
            folders += _collect(found, top / folder, classes, part, advance)
            if part:
                if start == len(found.names):
                    raise DataError(f"{top / folder}: expected {_PICTURES}, got none. Put some there, or take it away.")
                found.parts[part] = range(start, len(found.names))
    check_shared(top, folders, depth=1 if parts else 0)
    return found


def find_to_predict(
    root: str | Sequence[str], class_names: Collection[str], trained_on: str = "", argument: str = "root"
) -> Found:
    """Find pictures to predict; those that are not sorted into the classes have no targets.

    Args:
        root: A picture, a folder with pictures in it and its subfolders, a pattern (``photos/**/*.jpg``), or a list of
            these.
        class_names: The classes of the training.
        trained_on: The folder of the training, absolute.
        argument: Name of the argument that gives root, for messages.
    """
    if not isinstance(root, str) or not Path(root).expanduser().is_dir():
        files = named_pictures([root] if isinstance(root, str) else root, argument)
        top = Path(os.path.commonpath({os.path.dirname(file) for file in files}))  # noqa: PTH120
        within = len(os.path.join(top, ""))  # noqa: PTH118
        return Found(top, [], FileNames(file[within:] for file in files), [-1] * len(files))
    top = Path(root).expanduser()
    folders = subfolders(top)
    is_sorted = set(folders) <= set(class_names) or (any(map(part_of, folders)) and part_folders(top))
    if is_sorted or str(top.resolve()) == trained_on:
        return find_pictures(root)
    found = Found(top, [])
    _collect_all(found)
    if not found.names:
        raise DataError(f"{top}: expected {_PICTURES}, got {_instead(found.ignored)}.")
    others = [name for name in folders if name not in class_names]
    shown = ", ".join(others[:_SHOWN]) + ", …" * (len(others) > _SHOWN)
    found.note = f"{top}: the folders {shown} are no classes of the training: pictures are predicted without targets"
    return found


def _finding() -> AbstractContextManager[Callable[[int], None]]:
    return progress_bar("finding pictures", None, after=1)


def _collect_all(found: Found) -> None:
    """Add all pictures, without classes."""
    with _finding() as advance:
        for _, names in pictures_below(found.root, found.root, found.ignored):
            found.names.extend(names)
            advance(len(names))
    found.targets = [-1] * len(found.names)


def _collect(found: Found, folder: Path, classes: list[str], part: str, advance: Callable[[int], None]) -> list[str]:
    """Add the pictures of each class folder; return the folders that hold them, as paths within root."""
    folders = []
    for target, name in enumerate(classes):
        ignored: Counter[str] = Counter()
        start = len(found.names)
        if (folder / name).is_dir():
            for within, names in pictures_below(folder / name, found.root, ignored):
                folders.append(within)
                found.names.extend(names)
                advance(len(names))
        count = len(found.names) - start
        if not count and part in ("val", "test"):
            found.without.setdefault(part, []).append(found.class_names[target])
        elif not count:
            everywhere = ", from the other parts too" if part else ""
            raise DataError(
                f"{folder / name}: expected {_PICTURES} in each class folder, got {_instead(ignored)}. Put pictures "
                f"there, or take the folder away{everywhere}."
            )
        found.targets += [target] * count
        found.ignored += ignored
    return folders


def _check_classes(top: Path, train: str, folder: str, expected: list[str]) -> None:
    have = set(subfolders(top / folder))
    missing, more = sorted(set(expected) - have), sorted(have - set(expected))
    if not have:
        raise DataError(
            f"{top / folder}: expected the {len(expected)} class folders of {train}, got none. Pictures without "
            f"classes are a root of their own: move {folder} out of {top.name} for a training; then predict "
            "--data.root with its new place."
        )
    if more:
        differences = [f"{listed(missing)} missing"] * bool(missing) + [f"{listed(more)} more"] * bool(more)
        raise DataError(
            f"{top / folder}: expected the class folders of {train}, got {' and '.join(differences)}. Give them the "
            f"same names, or take the others out of {folder}."
        )


def _see_beside(found: Found, folder: Path) -> None:
    """Count the files next to the folders."""
    with os.scandir(folder) as entries:
        files = sorted(entries, key=lambda entry: entry.name)
    for entry in files:
        if is_hidden(entry.name) or entry.is_dir():
            continue
        ending = kind_of(entry.path)
        if ending in ENDINGS:
            found.beside.append(os.path.relpath(entry.path, found.root))
        else:
            found.ignored[ending] += 1


def _instead(ignored: Counter[str]) -> str:
    if not ignored:
        return "nothing"
    return "only others: " + ", ".join(f"{count:,} × {ending}" for ending, count in ignored.most_common(5))


def class_targets(found: Found, class_names: Sequence[str]) -> np.ndarray:
    """Return the class of each picture (M,), as an index into the model's class names; -1 without classes."""
    unknown = sorted(set(found.class_names) - set(class_names))
    if unknown:
        missing = sorted(set(class_names) - set(found.class_names))
        raise DataError(
            f"{found.root}: expected class folders among {', '.join(class_names)}, which the model was trained on, got "
            f"others: {', '.join(unknown)}{' (missing: ' * bool(missing)}{', '.join(missing)}{')' * bool(missing)}."
        )
    own = np.array([class_names.index(name) for name in found.class_names] + [-1])  # -1 is the last place, too
    return own[np.array(found.targets, dtype=np.int64)]


def part_places(found: Found, targets: np.ndarray, hold_out: HoldOut, group: str | None) -> dict[str, np.ndarray]:
    """Return the indices of the pictures of each part.

    A part with its own folder is that folder; another is split off the training pictures, each class (M,) in its share.
    If one of validation and test is empty, the other replaces it; if both are, the training pictures do.

    Args:
        found: The pictures.
        targets: The class of each (M,).
        hold_out: Which of the training pictures are held out.
        group: A pattern; pictures in whose names it finds the same text stay together. None: none do.
    """
    fixed = {part: np.arange(places.start, places.stop) for part, places in found.parts.items()}
    pool = fixed.get("train", np.arange(len(found.names)))
    groups = None if group is None else groups_by_name(found.names.between(pool[0], pool[-1] + 1), group)
    train, test, val = hold_out.cut(pool, targets[pool], groups, found.own)
    return fill_empty_parts({"train": train, "val": fixed.get("val", val), "test": fixed.get("test", test)})
