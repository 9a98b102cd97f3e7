"""Split rows into training, validation and test: at random from a seed, with each class in its share.

Shapes: N rows.
"""

from __future__ import annotations

import numpy as np

from dlcore.data.batches import epoch_order
from dlcore.errors import ArgumentError


def part_size(argument: str, size: float, rows: int) -> int:
    """Return the number of rows of a part: below 1 a share (at least one row, unless it is 0), from 1 on a number."""
    if not (0 <= size < 1 or (float(size).is_integer() and size >= 1)):
        raise ArgumentError(argument, "a share from 0 up to 1, or a whole number of rows", size)
    return max(1, round(rows * size)) if 0 < size < 1 else int(size)


def cut(
    rows: np.ndarray, classes: np.ndarray | None, sizes: dict[str, float], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split rows (N,) in three: return the training, test and validation rows.

    sizes has ``test_size`` and ``val_size``, as for `part_size`, of all rows. The test rows do not depend on the size
    of the validation.
    """
    counts = {argument: part_size(argument, size, len(rows)) for argument, size in sizes.items()}
    rest, test = hold_out("test_size", np.arange(len(rows)), counts["test_size"], seed, classes)
    left = None if classes is None else classes[rest]
    train, val = hold_out("val_size", rest, counts["val_size"], seed, left)
    return rows[train], rows[test], rows[val]


def hold_out(
    argument: str, rows: np.ndarray, size: int, seed: int, classes: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows (N,) in two at random: return those that stay and those that are held out, each in ascending order.

    With classes (N,), both parts get each class in its share, to the nearest row, and at least one row of each stays.
    The argument's name is for the error if there are not enough rows.
    """
    if not size:
        return rows, rows[:0]
    order = epoch_order(len(rows), seed, epoch=-1).numpy()
    labels = np.zeros(len(rows), dtype=np.int64) if classes is None else classes
    counts = np.bincount(labels)
    room = (counts - 1).clip(min=0)
    if size > room.sum():
        what = "a row" if classes is None else "a row of each class"
        expected = f"at most {room.sum():,} of {len(rows):,} rows, so that {what} is left to train with"
        raise ArgumentError(argument, expected, size)
    shares = counts * (size / len(rows))
    taken = np.minimum(np.floor(shares).astype(np.int64), room)
    while (left := size - taken.sum()) > 0:  # the largest remainders first
        remainders = np.where(taken < room, shares - taken, -np.inf)
        best = np.argsort(-remainders, kind="stable")[:left]
        taken[best[np.isfinite(remainders[best])]] += 1
    members = np.split(order[np.argsort(labels[order], kind="stable")], counts.cumsum()[:-1])
    chosen = np.zeros(len(rows), dtype=bool)
    for own, count in zip(members, taken, strict=True):
        chosen[own[:count]] = True
    return rows[~chosen], rows[chosen]
