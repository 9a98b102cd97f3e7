"""The target of a table: what is learned, detected from its values.

Two different values: ``binary``. Text, or few different whole numbers: ``multiclass``. Other numbers: ``regression``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from dlcore.data.tables.columns import Column, Kind, Names, Numbers, rows_in_words
from dlcore.errors import ArgumentError, DataError

FEW = 20  # whole numbers with at most so many different values are classes,
ROWS_A_CLASS = 5  # if there are on average at least so many rows for each.
MOST = 1000  # classes, if multiclass is requested
LARGE = 1000.0  # standard deviation of targets from which a note advises another unit
LARGEST = 1e18  # largest target: its square, as in a loss, is still a float32
UNKNOWN = -1  # class index of a row to predict


@dataclass(frozen=True)
class Target:
    """Meaning of the target's values."""

    name: str  # the column's name
    tasks: list[str]  # what can be learned from it, the usual one first
    classes: list[str] | None  # names of the classes; None where numbers are learned
    values: list[float] | None  # the number of each class; None if the column holds names
    unit: float = 1.0  # divisor of the numbers of a regression
    sign: str = ""  # the unit of each number in the file: ``%``, a currency, or nothing
    scale: tuple[float, float] | None = None  # mean and deviation of the training targets, if they are standardised

    @classmethod
    def of(
        cls, column: Column, name: str, where: str, task: str | None = None, strict: bool = False, unit: float = 1.0
    ) -> Target:
        """Detect what can be learned from a column; without a task, the usual one is taken.

        A task that does not fit is an error if strict; else the caller compares them. Values that are all equal are a
        `DataError`.
        """
        present = (column.codes if isinstance(column, Names) else column.values)[~column.missing]
        distinct = np.unique(present)
        different = len(distinct)
        if different < 2:
            raise DataError(
                f"{where}: expected at least two different values in the target {name!r}, got {different}: there is "
                "nothing to learn. Is it the right column (--data.target)?"
            )
        tasks = _tasks(column, different)
        if task is not None and task not in tasks:
            if strict:
                kind = "text" if isinstance(column, Names) else "numbers"
                raise ArgumentError(
                    "task", " or ".join(tasks), task, f"{name!r} has {different:,} different values, {kind}."
                )
            task = None
        if (task or tasks[0]) == "regression":
            return cls(name, tasks, None, None, unit, cast(Numbers, column).unit)
        if isinstance(column, Names):
            return cls(name, tasks, list(column.names), None)
        if column.boolean:
            return cls(name, tasks, ["false", "true"], [0.0, 1.0])
        values = [float(value) for value in distinct]
        return cls(name, tasks, [str(int(v)) if v.is_integer() else repr(v) for v in values], values, sign=column.unit)

    @property
    def label(self) -> str:
        """The name with the unit, if there is one: ``price / 1000``."""
        return self.name if self.classes is not None or self.unit == 1 else f"{self.name} / {self.unit:.12g}"

    @property
    def facts(self) -> dict[str, Any]:
        """What a model may ask for: the classes' names, or mean and deviation of standardised numbers."""
        if self.classes is not None:
            return {"class_names": self.classes}
        return {} if self.scale is None else {"target_mean": self.scale[0], "target_std": self.scale[1]}

    def standardized(self, targets: Tensor) -> Target:
        """Return the target of a regression with the mean and deviation of its training values (N, 1)."""
        if self.classes is not None:
            return self
        std, mean = (part.item() for part in torch.std_mean(targets.double(), correction=0))
        return replace(self, scale=(mean, std or 1.0))

    def advice(self, targets: Tensor) -> str | None:
        """Return advice about training targets (N, 1) so large that a network would take long to reach them."""
        if self.classes is not None or self.scale is not None or len(targets) < 2:
            return None
        if (deviation := targets.std().item()) < LARGE:
            return None
        size = deviation * self.unit
        unit = 10 ** round(math.log10(size))
        return (
            f"target {self.name!r} has a standard deviation of {size:,.0f}, and networks begin with answers near 0: it "
            f"is learned faster standardised (--data.standardize_target true) or in another unit (--data.target_unit "
            f"{unit})"
        )

    @property
    def kind(self) -> Kind:
        """The kind that a further file's column must have: numbers or names."""
        return "names" if self.classes is not None and self.values is None else "numbers"

    def encode(self, column: Column, rows: np.ndarray, where: str) -> Tensor:
        """Return class indices (N,), int64, or numbers (N, 1), float32; `UNKNOWN` or NaN for missing values.

        All rows but those that are used (M,) count as missing. A class that the training has not is a `DataError`.
        """
        used = np.zeros(len(column.missing), dtype=bool)
        used[rows] = True
        if self.classes is None:
            numbers = np.where(used, cast(Numbers, column).values, np.nan) / self.unit
            if len(numbers) and not np.nanmax(np.abs(numbers), initial=0) < LARGEST:
                raise DataError(
                    f"{where}: target {self.name!r}: expected numbers below {LARGEST:.0e}, got "
                    f"{np.nanmax(np.abs(numbers)):.3g}. Choose another unit: --data.target_unit 1e30."
                )
            return torch.from_numpy(numbers.astype(np.float32)).unsqueeze(1)
        if isinstance(column, Names):
            place = {name: number for number, name in enumerate(self.classes)}
            codes = np.array([*(place.get(name, -2) for name in column.names), UNKNOWN])[column.codes]
        else:
            values = np.array(self.values)
            codes = np.searchsorted(values, column.values).clip(max=len(values) - 1)
            codes = np.where(values[codes] == column.values, codes, np.where(column.missing, UNKNOWN, -2))
        codes = np.where(used, codes, UNKNOWN)
        foreign = codes == -2
        if foreign.any():
            raise DataError(
                f"{where}: target {self.name!r}: expected one of the classes {', '.join(self.classes[:12])}, got "
                f"{column.text(int(foreign.argmax()))} in {rows_in_words(foreign)}."
            )
        return torch.from_numpy(codes.astype(np.int64))

    def known(self, column: Column) -> tuple[Column, str | None]:
        """Return the column with invalid targets replaced by missing ones, and a note about them."""
        if isinstance(column, Names):
            fits = np.array([*(name in (self.classes or ()) for name in column.names), True])[column.codes]
            kept: Column = replace(column, codes=np.where(fits, column.codes, -1))
        else:
            values = column.values
            fits = np.isin(values, self.values) if self.values else np.abs(values) < LARGEST * self.unit
            fits |= column.missing
            kept = replace(column, values=np.where(fits, values, np.nan))
        if fits.all():
            return column, None
        shown = column.text(int(fits.argmin()))
        return kept, f"{rows_in_words(~fits)} with a value that is no target of the training, as {shown}: left open"

    def unknown(self, rows: int) -> Tensor:
        """Return targets for rows without one: `UNKNOWN` (N,) or NaN (N, 1)."""
        return torch.full((rows, 1), torch.nan) if self.classes is None else torch.full((rows,), UNKNOWN)


def _tasks(column: Column, different: int) -> list[str]:
    classes = ["binary", "multiclass"] if different == 2 else ["multiclass"]
    if isinstance(column, Names):
        return classes
    if column.boolean or different == 2:
        return [*classes, "regression"]
    present = column.values[~column.missing]
    whole = bool((present == np.rint(present)).all())
    if whole and different <= FEW and len(present) >= ROWS_A_CLASS * different:
        return ["multiclass", "regression"]
    return ["regression", "multiclass"] if whole and different <= MOST else ["regression"]
