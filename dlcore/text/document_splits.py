"""Split documents into training, validation and test: held-out ones are spread evenly, to be like the others."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from dlcore.errors import ArgumentError

TRAIN, VAL, TEST = 0, 1, 2
NAMES = ("train", "val", "test")


def part_of_each(count: int, val_size: float, test_size: float) -> np.ndarray:
    """Return the part of each document (D,), uint8: `TRAIN`, `VAL` or `TEST`.

    With a test size of 0.05, documents 19, 39, … test; the same rule chooses the validation documents from the rest.

    Args:
        count: Number of documents (D).
        val_size: Below 1 a share of the documents without the test documents, from 1 on a number.
        test_size: Below 1 a share of the documents, from 1 on a number.

    Raises:
        ArgumentError: No training document is left, or a size is neither a share nor a whole number.
    """
    parts = np.full(count, TRAIN, dtype=np.uint8)
    for argument, size, part in (("test_size", test_size, TEST), ("val_size", val_size, VAL)):
        left = np.flatnonzero(parts == TRAIN)
        parts[left[_spread(argument, size, len(left))]] = part
    return parts


def _spread(argument: str, size: float, count: int) -> np.ndarray:
    """Return which of `count` are held out: of a share 1/20 the last of each 20."""
    if not (0 <= size < 1 or (float(size).is_integer() and size >= 1)):
        raise ArgumentError(argument, "a share from 0 up to 1, or a whole number of documents", size)
    share = Fraction(str(size)) if size < 1 else Fraction(int(size), max(1, count))
    if 0 < size < 1 and count * share < 1:
        share = Fraction(1, max(1, count))  # at least one
    if share >= 1:
        short = "The text is too short to hold some of it out: give more, or --data.val_size 0 --data.test_size 0."
        most = f"at most {max(0, count - 1):,} of {count:,} documents"
        raise ArgumentError(argument, most, size, short if count < 2 else "")
    top, bottom = share.numerator, share.denominator
    numbers = np.arange(count, dtype=np.int64)
    return (numbers + 1) * top // bottom > numbers * top // bottom
