"""Assign pictures to training, validation and test, and map their classes to the model's.

Shapes: M files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from dlcore.data.images.image_files import Found
from dlcore.data.images.layout import PARTS
from dlcore.data.tables.row_splits import cut
from dlcore.errors import DataError


def class_targets(found: Found, class_names: Sequence[str]) -> np.ndarray:
    """Return the class of each picture (M,), as an index into the model's class names; -1 without classes.

    Raises:
        DataError: The folder has a class that the model does not know.
    """
    unknown = sorted(set(found.class_names) - set(class_names))
    if unknown:
        missing = sorted(set(class_names) - set(found.class_names))
        raise DataError(
            f"{found.root}: expected class folders among {', '.join(class_names)}, which the model was trained on, got "
            f"others: {', '.join(unknown)}{' (missing: ' * bool(missing)}{', '.join(missing)}{')' * bool(missing)}."
        )
    own = np.array([class_names.index(name) for name in found.class_names] + [-1])  # -1 is the last place, too
    return own[np.array(found.targets, dtype=np.int64)]


def part_places(
    found: Found, targets: np.ndarray, val_size: float, test_size: float, seed: int
) -> dict[str, np.ndarray]:
    """Return the indices of the pictures of each part.

    A part with its own folder is that folder; another is split off the training pictures, each class in its share. If
    one of validation and test is empty, the other replaces it; if both are, the training pictures do.

    Args:
        found: The pictures (M).
        targets: The class of each (M,).
        val_size: Below 1 a share of the training pictures, from 1 on a number.
        test_size: Likewise; of the same pictures.
        seed: Determines the choice.

    Raises:
        ArgumentError: A size is wrong, or too large.
    """
    fixed = {part: np.arange(places.start, places.stop) for part, places in found.parts.items()}
    pool = fixed.get("train", np.arange(len(found.names)))
    sizes = {
        "test_size": 0 if "test" in fixed else test_size,
        "val_size": 0 if "val" in fixed else val_size,
    }
    train, test, val = cut(pool, targets[pool], sizes, seed)
    places = {"train": train, "val": fixed.get("val", val), "test": fixed.get("test", test)}
    for name, other in (("val", "test"), ("test", "val")):
        if not len(places[name]):
            places[name] = places[other] if len(places[other]) else train
    return places


def is_cut(found: Found) -> bool:
    """Return whether the split is random: some part has no folder of its own."""
    return len(found.parts) < len(PARTS)


def fingerprint(found: Found) -> str:
    """Return a hash of a folder's file names, to tell whether they are those of the training."""
    digest = hashlib.sha256()
    for name in found.names:
        digest.update(os.fsencode(name) + b"\0")
    return digest.hexdigest()
