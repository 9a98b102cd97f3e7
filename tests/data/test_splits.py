"""Which rows train, validate and test."""

import numpy as np
import pytest

from dlcore.data.splits import HoldOut, check_pattern, cut, groups_by_name, hold_out, part_size
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


# Folds


@pytest.mark.parametrize("grouped", [False, True], ids=["single", "grouped"])
@pytest.mark.parametrize("classified", [False, True], ids=["numbers", "classes"])
def test_each_sample_tests_in_one_fold_and_groups_stay_together(classified, grouped):
    rows = np.arange(1000, 1200)
    classes = np.arange(200) % 4 // 3 if classified else None  # a quarter is of class 1
    groups = np.arange(200) // 4 if grouped else None
    tested = []
    for fold in range(5):
        train, test, val = HoldOut(0.25, 0.5, 7, folds=5, fold=fold).cut(rows, classes, groups)
        assert sorted([*train, *test, *val]) == rows.tolist()
        assert (len(test), len(val)) == (40, 40)
        if classified:
            assert classes[test - 1000].sum() == 10
        if grouped:
            parts = [set((part - 1000) // 4) for part in (train, test, val)]
            assert sum(map(len, parts)) == len(set.union(*parts)) == 50
        tested += test.tolist()
    assert sorted(tested) == rows.tolist()


def test_groups_stay_together_without_folds_too():
    groups = np.arange(100) // 5
    parts = HoldOut(0.2, 0.2, 0).cut(np.arange(100), None, groups)
    assert [len(part) for part in parts] == [60, 20, 20]
    assert sum(len(set(groups[part])) for part in parts) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folds": 1}, "folds: expected at least 2 folds, or 0: none, got 1"),
        ({"folds": 3, "fold": 3}, "fold: expected a whole number at least 0 and below 3, got 3"),
        ({"fold": 1}, "fold: expected a whole number at least 0 and below 1, got 1"),
        ({"folds": 11}, "folds: expected at most 10, the number of samples, got 11"),
        ({"folds": 6, "classes": np.arange(10) % 2}, "folds: expected at most 5, the samples of the most frequent cla"),
        ({"folds": 4, "groups": np.arange(10) // 4}, "folds: expected at most 3, the number of groups, got 4"),
        ({"folds": 2, "own": ["test"]}, "folds: expected 0 where there are test samples of their own, got 2"),
    ],
)
def test_folds_that_cannot_be_are_refused(arguments, message):
    given = {name: arguments.pop(name) for name in ("classes", "groups", "own") if name in arguments}
    with pytest.raises(ArgumentError, match=message):
        HoldOut(0.2, 0.2, 0, **arguments).cut(np.arange(10), **given)


def test_other_samples_than_those_of_the_checkpoint_are_not_held_out():
    kept = HoldOut(0.2, 0.1, 0, 5, 2).state(["test"])
    HoldOut(0.2, 0.1, 0, 5, 2).check(kept, ["test"])
    HoldOut(0.2, 0.1, 0, 5, 2).check({}, ["test"])  # a checkpoint of before
    for other, argument in (
        (HoldOut(0.3, 0.1, 0, 5, 2), "val_size"),
        (HoldOut(0.2, 0.1, 1, 5, 2), "split_seed"),
        (HoldOut(0.2, 0.1, 0, 5, 3), "fold"),
        (HoldOut(0.2, 0.1, 0), "folds"),
    ):
        with pytest.raises(ArgumentError, match=f"^{argument}: expected .* as in the run of the checkpoint"):
            other.check(kept, ["test"])
    with pytest.raises(ArgumentError, match=r"^test_size: expected 0, as in the run"):
        HoldOut(0.2, 0.1, 0, 5, 2).check(kept)
    with pytest.raises(ArgumentError, match=r"^missing: expected 'drop'"):
        HoldOut(0.2, 0.1, 0, 5, 2).check({**kept, "missing": "drop"}, ["test"], missing="mean")


def test_groups_by_a_files_name():
    names = ["a/p1_1.png", "b/p1_2.png", "a/p2_1.png"]
    assert groups_by_name(names, r"/(p\d)_").tolist() == [0, 0, 1]
    assert groups_by_name(names, "^.").tolist() == [0, 1, 0]
    with pytest.raises(ArgumentError, match="group: expected a regular expression that is found in the name of each"):
        groups_by_name(names, "p1")
    with pytest.raises(ArgumentError, match="group: expected a regular expression, got '\\('"):
        check_pattern("(")
