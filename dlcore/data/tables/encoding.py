"""Encoding of a table's columns as network inputs, and the schema of a run's table: both are kept in checkpoints.

A number column is one input, standardised. A column of names with K categories is K inputs, 1 for the row's category
and 0 for the others; a missing name, or one that the training rows do not have, is K zeros. In memory a row has one
float32 per column, the code for a name; `expand` makes the inputs of a whole batch.

Shapes: N rows, B batch, C columns, F inputs of the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from dlcore.data.tables.columns import Column, Kind, Names, Numbers, rows_in_words
from dlcore.data.tables.target import Target
from dlcore.errors import DataError
from dlcore.plain_text import flag_words

_BLOCK = 1 << 14  # rows whose numbers stay in a processor's cache while all their columns are written: twice as fast
_LARGEST = 1e30  # largest absolute value: float32 holds it, with a margin for the network's arithmetic
_MANY = 10  # in fewer rows, names may be all different by chance


@dataclass(frozen=True)
class Scale:
    """A column of numbers: (value - mean) / std."""

    mean: float  # mean of the training rows; it also replaces missing values
    std: float  # their standard deviation (of the population); 0 if all are equal: the column is then 0
    unit: str = ""  # the unit of each number in the file: ``%``, a currency, or nothing


@dataclass(frozen=True)
class OneHot:
    """A column of names: one input per category."""

    categories: list[str]  # the categories, in the order of the inputs


class Encoding:
    """Encoding of each column, fitted to the training rows: each input column's scale or categories, in order."""

    def __init__(self, columns: Mapping[str, Scale | OneHot], standardize: bool) -> None:
        self.columns, self.standardize = dict(columns), standardize

    @classmethod
    def of(
        cls, columns: Mapping[str, Column], rows: np.ndarray, standardize: bool, max_categories: int, where: str
    ) -> Encoding:
        """Fit to the training rows, whose indices are `rows` (N,).

        Too many categories, a different one in each row, or no value at all are a `DataError`.
        """
        learned: dict[str, Scale | OneHot] = {}
        for name, column in columns.items():
            what, without = f"{where}: column {name!r}: expected", flag_words("data.ignore", name)
            if isinstance(column, Numbers):
                learned[name] = replace(_scale(column.values.take(rows), what, without), unit=column.unit)
                continue
            codes = column.codes.take(rows)
            categories = [column.names[code] for code in np.unique(codes[codes >= 0])]
            shown = f"{', '.join(categories[:3])}, …"
            if len(categories) > max_categories:
                raise DataError(
                    f"{what} at most {max_categories:,} categories, got {len(categories):,} ({shown}). Leave the "
                    f"column out ({without}) or allow more (--data.max_categories {len(categories)})."
                )
            if _MANY < len(categories) == (codes >= 0).sum():
                raise DataError(
                    f"{what} categories that return, got another one in each of the {len(categories):,} training rows "
                    f"({shown}): they say nothing about new rows. Leave the column out ({without})."
                )
            learned[name] = OneHot(categories)
        return cls(learned, standardize)

    @property
    def in_features(self) -> int:
        """Inputs of the network (F)."""
        return sum(1 if isinstance(column, Scale) else len(column.categories) for column in self.columns.values())

    @property
    def constant(self) -> list[str]:
        """Constant columns: all training rows have the same value."""
        return [
            name
            for name, column in self.columns.items()
            if (column.std == 0 if isinstance(column, Scale) else len(column.categories) < 2)
        ]

    def kinds(self) -> dict[str, Kind]:
        """Return the kind that each column of a further file must have."""
        return {name: "numbers" if isinstance(kept, Scale) else "names" for name, kept in self.columns.items()}

    def units(self) -> dict[str, str]:
        """Return the unit that the numbers of each column of a further file must have."""
        return {name: kept.unit for name, kept in self.columns.items() if isinstance(kept, Scale)}

    def encode(self, columns: Mapping[str, Column]) -> tuple[Tensor, list[str]]:
        """Return all rows as stored in memory (N, C), float32, and the notes about them."""
        rows = len(next(iter(columns.values())).missing)
        matrix = torch.empty(rows, len(self.columns))
        stored, notes, scaled = matrix.numpy(), [], {}
        for number, (name, kept) in enumerate(self.columns.items()):
            if isinstance(kept, OneHot):
                names = cast(Names, columns[name])  # it was read as the kind that the encoding has
                place = {category: code for code, category in enumerate(kept.categories)}
                stored[:, number] = np.array([*(place.get(text, -1) for text in names.names), -1])[names.codes]
                unseen = (stored[:, number] < 0) & ~names.missing
                if unseen.any():
                    example = names.text(int(unseen.argmax()))
                    notes.append(
                        f"column {name!r}: {rows_in_words(unseen)} with a category that no training row has, as "
                        f"{example}: read as none of them"
                    )
                continue
            numbers = cast(Numbers, columns[name])
            holes = numbers.missing
            shift, factor = (kept.mean, 1 / kept.std if kept.std else 0.0) if self.standardize else (0.0, 1.0)
            values = np.where(holes, kept.mean, numbers.values) if holes.any() else numbers.values
            scaled[number] = values, shift, factor
        for start in range(0, rows, _BLOCK):
            block = slice(start, start + _BLOCK)
            for number, (values, shift, factor) in scaled.items():
                # In float64 up to here: a column of large numbers with small differences keeps them.
                stored[block, number] = (values[block] - shift) * factor
        return matrix, notes

    def expand(self, stored: Tensor) -> Tensor:
        """Return the inputs of the network (B, F) for stored rows (B, C)."""
        if all(isinstance(column, Scale) for column in self.columns.values()):
            return stored
        pieces = []
        for number, column in enumerate(self.columns.values()):
            values = stored[:, number : number + 1]
            if isinstance(column, OneHot):
                codes = torch.arange(len(column.categories), device=stored.device)
                values = (values == codes).to(stored.dtype)
            pieces.append(values)
        return torch.cat(pieces, dim=1)

    def state(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        columns: list[list[Any]] = [
            [name, list(kept.categories)]
            if isinstance(kept, OneHot)
            else [name, kept.mean, kept.std, *filter(None, [kept.unit])]
            for name, kept in self.columns.items()
        ]
        return {"columns": columns, "standardize": self.standardize}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Encoding:
        """Create the object from the result of `state`."""
        columns = {name: Scale(*kept) if len(kept) > 1 else OneHot(list(kept[0])) for name, *kept in state["columns"]}
        return cls(columns, state["standardize"])


def _scale(values: np.ndarray, what: str, without: str) -> Scale:
    present = values[~np.isnan(values)] if np.isnan(values.sum()) else values
    if not len(present):
        raise DataError(f"{what} values, but no training row has one. Leave it out ({without}).")
    least, greatest = present.min(), present.max()
    if (largest := max(-least, greatest)) > _LARGEST:
        remedy = f"Correct it, or leave the column out ({without})."
        raise DataError(f"{what} numbers up to {_LARGEST:.0e}, got {largest:.3g}. {remedy}")
    if least == greatest:  # rounding would give a tiny deviation, and a division by it
        return Scale(float(present[0]), 0.0)
    mean = float(present.mean())
    deviations = present - mean
    return Scale(mean, float(np.sqrt(deviations @ deviations / len(present))))


@dataclass(frozen=True)
class Schema:
    """What was learned from the training rows, and their origin."""

    encoding: Encoding  # encoding of the input columns
    target: Target  # meaning of the target's values
    names: list[str]  # all columns of the file, in its order
    header: bool  # whether the columns have names of their own
    path: str  # the file, absolute; empty for a built-in table
    fingerprint: str  # size and checksum of its content; the name of a built-in table

    def state(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        origin = {"names": self.names, "header": self.header, "path": self.path, "fingerprint": self.fingerprint}
        return {"encoding": self.encoding.state(), "target": asdict(self.target), **origin}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Schema:
        """Create the object from the result of `state`."""
        encoding, target = Encoding.from_state(state["encoding"]), Target(**state["target"])
        return cls(encoding, target, **{key: state[key] for key in ("names", "header", "path", "fingerprint")})
