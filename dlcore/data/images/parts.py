"""Which pictures train, validate and test, and under which of the model's classes each falls.

Shapes: M files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from dlcore.data.images.finding import Found
from dlcore.data.images.layout import PARTS
from dlcore.data.tables.parts import cut
from dlcore.errors import DataError


def class_targets(found: Found, class_names: Sequence[str]) -> np.ndarray:
    """The class of each picture (M,), as an index into the model's class names; -1 where a folder has no classes.

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
    """The places of the pictures of each part.

    A part that has a folder of its own is that folder; another is cut off the training pictures, each class in its
    share. Validation and test stand in for each other where one is empty, and the training pictures where both are.

    Args:
        found: The pictures (M).
        targets: The class of each (M,).
        val_size: Below 1 a share of the training pictures, from 1 on a number.
        test_size: Likewise; of the same pictures.
        seed: What determines the choice.

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
    """Whether chance has a say in the parts: not all of them have folders of their own."""
    return len(found.parts) < len(PARTS)


def fingerprint(found: Found) -> str:
    """What tells whether a folder holds the files that it held when a model was trained."""
    digest = hashlib.sha256()
    for name in found.names:
        digest.update(os.fsencode(name) + b"\0")
    return digest.hexdigest()
