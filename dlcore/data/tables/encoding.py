"""Encoding of a table's columns as network inputs, and the schema of a run's table: both are kept in checkpoints.

A number column is one input, standardised. A column of names with K categories is K inputs, 1 for the row's category
and 0 for the others; a missing name, or one that the training rows do not have, is K zeros. In memory a row has one
float32 per column, the code for a name; `expand` makes the inputs of a whole batch. A column of dates is a number of
days, standardised too, and with cycles sine and cosine of the place in the week and the year, and of the time of day.

Shapes: N rows, B batch, C columns, F inputs of the network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from dlcore.data.tables.columns import Column, Kind, Names, Numbers, rows_in_words
from dlcore.data.tables.dates import cycles_of, date_text
from dlcore.data.tables.target import Target
from dlcore.errors import DataError
from dlcore.plain_text import flag_words

_BLOCK = 1 << 14  # rows whose numbers stay in a processor's cache while all their columns are written: twice as fast
_LARGEST = 1e30  # largest absolute value: float32 holds it, with a margin for the network's arithmetic
_MANY = 10  # in fewer rows, names may be all different by chance
_DIFFERENT, _LONG = 0.5, 20  # a column of names is text if more than this share of them differ, and they are longer


@dataclass(frozen=True)
class Scale:
    """A column of numbers: (value - mean) / std."""

    mean: float  # mean of the training rows; it also replaces missing values
    std: float  # their standard deviation (of the population); 0 if all are equal: the column is then 0
    unit: str = ""  # the unit of each number in the file: ``%``, a currency, or nothing

    @property
    def origin(self) -> float:
        """What is subtracted if numbers are not standardised."""
        return 0.0

    @property
    def width(self) -> int:
        """Inputs of the network."""
        return 1

    def text(self, value: float) -> str:
        """Return a number of the file as text."""
        return f"{value:.4g}{self.unit}"


@dataclass(frozen=True)
class Days(Scale):
    """A column of dates: their days since 1970-01-01 as a number, then sine and cosine of each cycle."""

    first: float = 0.0  # first day of the training rows: day 0 if numbers are not standardised
    cycles: tuple[float, ...] = ()  # periods, in days
    day_first: bool | None = None  # whether 01/02/2024 is the first of February; None: there were none such

    @property
    def origin(self) -> float:
        """What is subtracted if numbers are not standardised."""
        return self.first

    @property
    def width(self) -> int:
        """Inputs of the network."""
        return 1 + 2 * len(self.cycles)

    def text(self, value: float) -> str:
        """Return days since 1970-01-01 as a date."""
        return date_text(value)

    def waves(self, values: Tensor, scale: float, shift: float) -> list[Tensor]:
        """Return sine and cosine of each cycle (B, 1), for dates that are values * scale + shift (B, 1)."""
        # Whole periods are taken away first: float32 has seven digits.
        places = [(values * scale + shift % period).remainder(period) / period for period in self.cycles]
        angles = [2 * math.pi * place for place in places]
        return [wave for angle in angles for wave in (angle.sin(), angle.cos())]


@dataclass(frozen=True)
class OneHot:
    """A column of names: one input per category."""

    categories: list[str]  # the categories, in the order of the inputs

    @property
    def width(self) -> int:
        """Inputs of the network."""
        return len(self.categories)


class Encoding:
    """Encoding of each column, fitted to the training rows: each input column's scale or categories, in order."""

    def __init__(self, columns: Mapping[str, Scale | OneHot], standardize: bool) -> None:
        self.columns, self.standardize = dict(columns), standardize

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Column],
        rows: np.ndarray,
        standardize: bool,
        max_categories: int,
        where: str,
        cycles: bool = False,
    ) -> Encoding:
        """Fit to the training rows, whose indices are `rows` (N,); with cycles, dates have those of week and year.

        Too many categories, a different one in each row, or no value at all are a `DataError`.
        """
        learned: dict[str, Scale | OneHot] = {}
        for name, column in columns.items():
            what, without = f"{where}: column {name!r}: expected", flag_words("data.ignore", name)
            if isinstance(column, Numbers):
                values = column.values.take(rows)
                scale = _scale(values, what, without)
                if column.dates:
                    periods = tuple(cycles_of(values)) if cycles and scale.std else ()
                    learned[name] = Days(scale.mean, scale.std, "", np.nanmin(values).item(), periods, column.day_first)
                else:
                    learned[name] = replace(scale, unit=column.unit)
                continue
            codes = column.codes.take(rows)
            categories = [column.names[code] for code in np.unique(codes[codes >= 0])]
            present = (codes >= 0).sum()
            if len(categories) > _MANY and len(categories) > _DIFFERENT * present and _length(categories) > _LONG:
                raise DataError(
                    f"{what} numbers or categories, got texts, {len(categories):,} different ones in {present:,} "
                    f"training rows ({categories[0][:_LONG]!r}, …). Leave the column out ({without}); to learn from "
                    f"the texts: python -m dlcore fit -c rnn_topics --data.path FILE {flag_words('data.text', name)} "
                    "--data.label TARGET."
                )
            shown = f"{', '.join(categories[:3])}, …"
            if len(categories) > max_categories:
                raise DataError(
                    f"{what} at most {max_categories:,} categories, got {len(categories):,} ({shown}). Leave the "
                    f"column out ({without}) or allow more (--data.max_categories {len(categories)})."
                )
            if _MANY < len(categories) == present:
                raise DataError(
                    f"{what} categories that return, got another one in each of the {len(categories):,} training rows "
                    f"({shown}): they say nothing about new rows. Leave the column out ({without})."
                )
            learned[name] = OneHot(categories)
        return cls(learned, standardize)

    @property
    def in_features(self) -> int:
        """Inputs of the network (F)."""
        return sum(column.width for column in self.columns.values())

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
        kinds: dict[type, Kind] = {Days: "dates", Scale: "numbers", OneHot: "names"}
        return {name: kinds[type(kept)] for name, kept in self.columns.items()}

    def units(self) -> dict[str, str]:
        """Return the unit that the numbers of each column of a further file must have."""
        return {name: kept.unit for name, kept in self.columns.items() if isinstance(kept, Scale)}

    def day_first(self, name: str) -> bool | None:
        """Return the order of day and month in a column of dates of a further file; None if it is not known."""
        kept = self.columns[name]
        return kept.day_first if isinstance(kept, Days) else None

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
            shift, factor = (kept.mean, 1 / kept.std if kept.std else 0.0) if self.standardize else (kept.origin, 1.0)
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
        if all(isinstance(column, Scale) and column.width == 1 for column in self.columns.values()):
            return stored
        pieces = []
        for number, column in enumerate(self.columns.values()):
            values = stored[:, number : number + 1]
            if isinstance(column, OneHot):
                codes = torch.arange(len(column.categories), device=stored.device)
                values = (values == codes).to(stored.dtype)
            pieces.append(values)
            if isinstance(column, Days):
                scale, shift = (column.std, column.mean) if self.standardize else (1.0, column.first)
                pieces += column.waves(values, scale, shift)
        return torch.cat(pieces, dim=1)

    def state(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        columns: list[list[Any]] = []
        for name, kept in self.columns.items():
            if isinstance(kept, OneHot):
                columns.append([name, list(kept.categories)])
            elif isinstance(kept, Days):
                columns.append([name, {**asdict(kept), "cycles": list(kept.cycles)}])
            else:
                columns.append([name, kept.mean, kept.std, *filter(None, [kept.unit])])
        return {"columns": columns, "standardize": self.standardize}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Encoding:
        """Create the object from the result of `state`."""
        columns: dict[str, Scale | OneHot] = {}
        for name, *kept in state["columns"]:
            if len(kept) > 1:
                columns[name] = Scale(*kept)
            elif isinstance(kept[0], dict):
                columns[name] = Days(**{**kept[0], "cycles": tuple(kept[0]["cycles"])})
            else:
                columns[name] = OneHot(list(kept[0]))
        return cls(columns, state["standardize"])


def _length(texts: list[str]) -> float:
    """Return the mean length, in letters; a Chinese character counts as two."""
    return sum(len(text) + sum(sign > "\u2e7f" for sign in text) for text in texts) / len(texts)


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
