"""Which rows train, validate and test."""

import numpy as np
import pytest

from dlcore.data.tables.row_splits import cut, hold_out, part_size
from dlcore.errors import ArgumentError


@pytest.mark.parametrize(
    ("size", "rows", "expected"), [(0, 10, 0), (0.2, 10, 2), (0.2, 3, 1), (0.01, 5, 1), (1, 10, 1), (100.0, 500, 100)]
)
def test_a_size_is_a_share_or_a_number(size, rows, expected):
    assert part_size("val_size", size, rows) == expected


@pytest.mark.parametrize("size", [-1, -0.5, 1.5, float("nan"), float("inf")])
def test_other_sizes_are_refused(size):
    with pytest.raises(ArgumentError, match="val_size: expected a share from 0 up to 1, or a whole number of rows"):
        part_size("val_size", size, 10)


def test_parts_are_disjoint_complete_and_follow_from_the_seed():
    rows = np.arange(100, 200)
    sizes = {"test_size": 0.2, "val_size": 15}
    train, test, val = cut(rows, None, sizes, seed=3)
    assert (len(train), len(test), len(val)) == (65, 20, 15)
    assert sorted([*train, *test, *val]) == rows.tolist()
    assert all((part[1:] > part[:-1]).all() for part in (train, test, val))
    again = cut(rows, None, sizes, seed=3)
    assert all((a == b).all() for a, b in zip((train, test, val), again, strict=True))
    assert set(cut(rows, None, sizes, seed=4)[1]) != set(test)
    assert (cut(rows, None, {"test_size": 0.2, "val_size": 0.5}, seed=3)[1] == test).all()


def test_each_class_has_its_share():
    classes = np.repeat([0, 1, 2], [70, 20, 10])
    staying, held = hold_out("val_size", np.arange(100), 10, 0, classes)
    assert np.bincount(classes[held]).tolist() == [7, 2, 1]
    assert np.bincount(classes[staying]).tolist() == [63, 18, 9]
    _, held = hold_out("val_size", np.arange(100), 11, 0, classes)  # shares 7.7, 2.2, 1.1
    assert np.bincount(classes[held]).tolist() == [8, 2, 1]


def test_of_each_class_one_row_stays():
    classes = np.array([0, 0, 0, 1])
    staying, held = hold_out("test_size", np.arange(4), 2, 0, classes)
    assert sorted(classes[staying]) == [0, 1]
    assert classes[held].tolist() == [0, 0]
    with pytest.raises(
        ArgumentError, match="test_size: expected at most 2 of 4 rows, so that a row of each class is l"
    ):
        hold_out("test_size", np.arange(4), 3, 0, classes)
    with pytest.raises(ArgumentError, match="val_size: expected at most 3 of 4 rows, so that a row is left"):
        hold_out("val_size", np.arange(4), 4, 0, None)
