"""Split samples into training, validation and test: at random from a seed, or in folds of which each tests once.

Each class keeps its share, and the samples of a group stay together.

Shapes: N samples.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dlcore.data.batches import epoch_order
from dlcore.errors import ArgumentError, check_number


@dataclass(frozen=True)
class HoldOut:
    """Which samples validate and test. The arguments are those of the data modules.

    Args:
        val_size: Share, or number, of the samples that validate.
        test_size: Likewise of those that test; not used with folds.
        split_seed: Determines the choice.
        folds: Number of folds, at least 2; 0: none.
        fold: The fold that tests, from 0.

    Raises:
        ArgumentError: A value lies outside its range.
    """

    val_size: float
    test_size: float
    split_seed: int
    folds: int = 0
    fold: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        part_size("val_size", self.val_size, 1)
        part_size("test_size", self.test_size, 1)
        check_number("folds", self.folds, at_least=0, whole=True)
        if self.folds == 1:
            raise ArgumentError("folds", "at least 2 folds, or 0: none", 1)
        check_number("fold", self.fold, at_least=0, below=max(self.folds, 1), whole=True)

    def cut(
        self,
        rows: np.ndarray,
        classes: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        own: Collection[str] = (),
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Split samples (N,) in three: return the training, test and validation samples.

        The test samples do not depend on the size of the validation. With folds, the size of the validation is one of
        the samples that do not test.

        Args:
            rows: The samples' indices (N,).
            classes: Their classes (N,), each of which keeps its share; None: a regression.
            groups: Numbers (N,), equal for samples that stay together; None: none do.
            own: Parts, of ``val`` and ``test``, that have samples of their own: nothing is held out for them.

        Raises:
            ArgumentError: There are too few samples, or folds with test samples of their own.
        """
        if self.folds and "test" in own:
            remedy = "Leave folds out; or leave the test samples out: each fold tests once."
            raise ArgumentError("folds", "0 where there are test samples of their own", self.folds, remedy)
        places, test = np.arange(len(rows)), np.zeros(0, dtype=np.int64)
        if self.folds:
            tests = self._fold(len(rows), classes, groups)
            places, test = places[~tests], places[tests]
        sizes = {"test_size": 0 if self.folds or "test" in own else self.test_size}
        sizes["val_size"] = 0 if "val" in own else self.val_size
        classes = None if classes is None else classes[places]
        if groups is not None:
            kinds = np.zeros(len(places), dtype=np.int64) if classes is None else classes
            parts = cut_groups(groups[places], kinds, sizes, self.split_seed)
            train, tests, val = (places[part] for part in parts)
        else:
            train, tests, val = cut(places, classes, sizes, self.split_seed)
        return rows[train], rows[test if self.folds else tests], rows[val]

    def _fold(self, count: int, classes: np.ndarray | None, groups: np.ndarray | None) -> np.ndarray:
        """Return which samples (N,) test, by scikit-learn's splitters."""
        from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

        units = count if groups is None else len(np.unique(groups))
        if units < self.folds:
            what = "samples" if groups is None else "groups"
            raise ArgumentError("folds", f"at most {units:,}, the number of {what}", self.folds)
        plain, grouped = (KFold, GroupKFold) if classes is None else (StratifiedKFold, StratifiedGroupKFold)
        splitter = (plain if groups is None else grouped)(self.folds, shuffle=True, random_state=self.split_seed)
        tests = np.zeros(count, dtype=bool)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a class with fewer samples than folds
            try:
                found = list(splitter.split(np.zeros(count), classes, groups))
            except ValueError as error:
                most = int(np.bincount(np.zeros(count, np.int64) if classes is None else classes).max())
                expected = f"at most {most:,}, the samples of the most frequent class"
                raise ArgumentError("folds", expected, self.folds) from error
        tests[found[self.fold][1]] = True
        return tests

    def check(self, kept: Mapping[str, Any], own: Collection[str] = (), **others: Any) -> None:
        """Check that the samples are held out that were held out in a checkpoint's run.

        Args:
            kept: The result of `state` in the checkpoint; arguments that it lacks are not checked.
            own: Parts that now have samples of their own: how many were held out for them is not checked.
            others: Further arguments that determine the samples.

        Raises:
            ArgumentError: An argument differs: training samples would be held out.
        """
        for argument, value in {**self.state(own), **others}.items():
            expected = kept.get(argument, value)
            if value != expected and argument.removesuffix("_size") not in own:
                why = "Else training samples would be held out. To start a new training, leave out --ckpt_path."
                raise ArgumentError(argument, f"{expected!r}, as in the run of the checkpoint", value, why)

    def state(self, own: Collection[str] = ()) -> dict[str, Any]:
        """Return plain values for a checkpoint; for a part with samples of its own nothing is held out."""
        return {**asdict(self), **{f"{part}_size": 0 for part in own}}


def group_numbers(names: Iterable[str]) -> np.ndarray:
    """Return the number of each sample's group (N,) by the groups' names; an empty name is a group of its own."""
    numbers: dict[str, int] = {}
    found = (numbers.setdefault(name or f"\0{place}", len(numbers)) for place, name in enumerate(names))
    return np.fromiter(found, dtype=np.int64)


def check_pattern(pattern: str | None) -> None:
    """Raise an `ArgumentError` if a pattern of groups is no regular expression."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ArgumentError("group", "a regular expression", pattern, f"It is none: {error}.") from error


def groups_by_name(names: Iterable[str], pattern: str) -> np.ndarray:
    """Return the number of each file's group (N,): what the pattern finds in its name, in its first brackets if any."""
    find = re.compile(pattern).search

    def group(name: str) -> str:
        match = find(name)
        if match is None:
            expected = f"a regular expression that is found in the name of each picture, unlike {name}"
            raise ArgumentError("group", expected, pattern, r"For example: '(patient\d+)_' or '^[^/]+/([^_]+)'")
        # A pattern whose first brackets found nothing in a name counts with all that it found there.
        return (match[1] if match.lastindex else None) or match[0]

    return group_numbers(map(group, names))


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


def cut_groups(
    groups: np.ndarray, classes: np.ndarray, sizes: dict[str, float], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split texts in three so that no group is in two parts: return the training, test and validation texts.

    sizes has ``test_size`` and ``val_size``, of all texts, reached to the nearest group. Each class loses its share,
    and so do the groups that have texts of several classes.
    """
    _, first, numbers, counts = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    least, greatest = np.full(len(counts), classes.max(initial=0)), np.full(len(counts), classes.min(initial=0))
    np.minimum.at(least, numbers, classes)
    np.maximum.at(greatest, numbers, classes)
    seen = np.argsort(first)  # the groups in the order in which they appear
    strata = np.where(least == greatest, least, classes.min(initial=0) - 1)[seen]  # one for those of several classes
    held = {argument: np.zeros(len(counts), dtype=bool) for argument in sizes}
    for place, stratum in enumerate(dict.fromkeys(strata.tolist())):
        own = seen[strata == stratum]
        left = own[epoch_order(len(own), seed * 31 + place, epoch=-1).numpy()][::-1]
        total = int(counts[own].sum())
        for argument, size in sizes.items():
            wanted = part_size(argument, size, len(groups)) * total / len(groups)
            # Those that bring the number nearer to what is wanted, from the last on.
            before = counts[left].cumsum() - counts[left]
            count = int(np.argmin(np.append(before + counts[left] / 2 < wanted, False)))
            held[argument][left[:count]] = True
            left = left[count:]
            if not len(left):
                raise ArgumentError(argument, "so few that texts of each kind are left to train with", size)
    test, val = (held[argument][numbers] for argument in ("test_size", "val_size"))
    return tuple(np.flatnonzero(chosen) for chosen in (~test & ~val, test, val))  # type: ignore[return-value]


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
