"""Rows of a table: input columns and target, found by name or index.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlcore.data.splits import group_numbers
from dlcore.data.tables.cells import CellFormat
from dlcore.data.tables.columns import Column, ColumnReader, Kind, Numbers, rows_in_words
from dlcore.data.tables.encoding import Schema
from dlcore.data.tables.remarks import check_spellings, remarks, row_numbers
from dlcore.data.tables.table_file import TableFile, open_table
from dlcore.errors import ArgumentError, DataError, UnknownNameError, nearest
from dlcore.plain_text import flag_words

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Rows:
    """Rows as read."""

    where: str  # the file or the built-in table, for messages
    names: list[str]  # all columns of the file, in its order
    header: bool  # whether the columns have names of their own
    columns: dict[str, Column]  # the input columns by name
    target: Column | None  # the target; None in rows to predict without one
    notes: Sequence[str] = ()  # notes about how they were read
    further: bool = False  # whether their columns were known before
    file: TableFile | None = None  # their file, if it is another one than that of the training
    groups: np.ndarray | None = None  # a number for each row (N,), equal for rows that stay together

    def kept(self, missing: str, target_name: str, target_known: bool = True) -> np.ndarray:
        """Return the indices of the rows that are used (N,): with ``drop`` those without a missing value, else all.

        Missing values are a `DataError` where missing is ``error``, and in a target that must be known.
        """
        holes = {name: column.missing for name, column in self.columns.items()}
        if self.target is not None and target_known:
            holes[target_name] = self.target.missing
        keep = np.ones(len(next(iter(holes.values()))), dtype=bool)
        for name, rows in holes.items():
            is_target = name == target_name
            if (missing == "mean" and not is_target) or not rows.any():
                continue
            if missing != "drop":
                ways = [] if is_target or rows.all() else ["fill in the column's mean (--data.missing mean)"]
                ways += [] if rows.all() else ["leave such rows out (--data.missing drop)"]
                if not (is_target or self.further):
                    ways.append(f"leave the column out ({flag_words('data.ignore', name)})")
                raise DataError(
                    f"{self.where}: {'target' if is_target else 'column'} {name!r}: expected a value in each row, got "
                    f"none in {rows_in_words(rows)}. Ways: {', '.join(ways) or 'correct the file'}."
                )
            keep &= ~rows
        if not keep.any():
            raise DataError(f"{self.where}: expected a row without missing values, got none (--data.missing drop).")
        return np.flatnonzero(keep)


@dataclass(frozen=True)
class RowReader:
    """Reads rows of the run's own file and of further ones; the arguments are those of `Table`."""

    encoding: str
    separator: str
    header: bool | str
    sheet: str | int
    day_first: bool | None
    ignore: Sequence[str]
    categorical: Sequence[str]
    cells: CellFormat
    group: str | None = None

    def first(self, source: Path | DataFrame, where: str, target: str | int) -> tuple[Rows, str]:
        """Read rows whose columns are not yet known; return them and the target's name."""
        header = True
        if isinstance(source, Path):
            file = self._open(source, self.header)
            table, header = file.read([*self.categorical, *self._grouped], self.ignore), file.header
            names = list(file.names)
        else:
            table, names = source, [str(name) for name in source.columns]
        target_name = _target_name(target, names)
        for argument, wanted in (("ignore", self.ignore), ("categorical", self.categorical), ("group", self._grouped)):
            for name in wanted:
                if name not in names:
                    raise UnknownNameError(f"column (in data.{argument})", name, names)
        for argument, wanted in (("ignore", self.ignore), ("group", self._grouped)):
            if target_name in wanted:
                raise ArgumentError(argument, f"a column other than the target {target_name!r}", target_name)
        inputs = [name for name in names if name not in (target_name, *self.ignore, *self._grouped)]
        if not inputs:
            raise DataError(
                f"{where}: expected a target and at least one other column, got only {', '.join(names)}. If they are "
                "separated by another sign, give it: --data.separator SIGN."
            )
        reader = ColumnReader(where, self.cells, self.day_first)
        kinds: dict[str, Kind] = dict.fromkeys(self.categorical, "names")
        columns = {name: reader.read(table[name], name, kinds.get(name, "auto")) for name in inputs}
        advice = "Correct it, or give another --data.target."
        goal = reader.read(table[target_name], target_name, kinds.get(target_name, "auto"), advice)
        if isinstance(goal, Numbers) and goal.dates:
            raise DataError(
                f"{where}: target {target_name!r}: expected numbers or classes, got dates. Write what is asked for as "
                f"a number (days until then) into a column, or take each date as a class "
                f"({flag_words('data.categorical', target_name)})."
            )
        notes = _notes({**columns, target_name: goal})
        if target_name not in self.categorical:
            check_spellings(where, target_name, goal)
        for index in row_numbers(columns) if header else []:
            if len(columns) > 1:
                del columns[index]
                notes.append(
                    f"column {index!r} numbers the rows and has no name, as pandas writes an index: it is left out "
                    "(index=False does not write it)"
                )
        return Rows(
            where, names, header, columns, goal, notes + remarks(columns), groups=self._groups(table)
        ), target_name

    @property
    def _grouped(self) -> list[str]:
        """The column of the groups, if there is one."""
        return [] if self.group is None else [self.group]

    def _groups(self, table: DataFrame) -> np.ndarray | None:
        """Return the number of each row's group (N,); a row without one is a group of its own."""
        if self.group is None or self.group not in table:
            return None
        column = table[self.group]
        return group_numbers([str(value).strip() for value in column.astype(object).where(column.notna(), "")])

    def _open(self, path: Path, header: bool | str, known: tuple[str, ...] | None = None) -> TableFile:
        return open_table(path, self.encoding, self.separator, header, self.sheet, known, self.cells)

    def further(self, source: Path | DataFrame, where: str, schema: Schema, target_needed: bool) -> Rows:
        """Read rows with known columns: by name, in any order; by position in a file without names."""
        kinds, target = schema.encoding.kinds(), schema.target
        header = schema.header
        file = None
        if isinstance(source, Path):
            wanted = self.header if header else False
            file = self._open(source, wanted, tuple(kinds))
            if not file.header:
                file = file.named(_by_place(file.names, schema, where))
            texts = [name for name, kind in {**kinds, target.name: target.kind}.items() if kind == "names"]
            names = list(file.names)
            table = file.read([*texts, *self._grouped], set(names) - {*kinds, target.name, *self._grouped})
        else:
            table, names = source, [str(name) for name in source.columns]
        for name in kinds:
            if name not in names:
                near = nearest(name, set(names) - set(kinds))
                hint = f"; is it the one named {near!r}?" if near else ""
                raise DataError(
                    f"{where}: expected the columns of the training, got a file without {name!r}{hint} (it has "
                    f"{', '.join(names[:12])}{', …' if len(names) > 12 else ''})."
                )
        if target.name not in names and target_needed:
            raise DataError(f"{where}: expected the target {target.name!r} among the columns, got a file without it.")
        advice = "Correct it: the training rows have numbers there."
        reader, units = ColumnReader(where, self.cells), schema.encoding.units()
        columns = {}
        for name, kind in kinds.items():
            order = self.day_first if self.day_first is not None else schema.encoding.day_first(name)
            said = advice.replace("numbers", kind)
            columns[name] = replace(reader, day_first=order).read(table[name], name, kind, said, units.get(name))
        goal, read = None, dict(columns)
        if target.name in names:
            column = table[target.name]
            goal = reader.read(column, target.name, target.kind, advice, target.sign, strict=target_needed)
            if not target_needed:
                goal, note = target.known(goal)
                goal = replace(goal, notes=(*goal.notes, *([note] if note else [])))
            read[target.name] = goal
        return Rows(where, names, header, columns, goal, _notes(read), True, file, self._groups(table))


def _notes(columns: Mapping[str, Column]) -> list[str]:
    return [f"column {name!r}: {note}" for name, column in columns.items() for note in column.notes]


def _target_name(target: str | int, names: list[str]) -> str:
    if str(target) in names:  # a column may be named 3
        return str(target)
    if isinstance(target, str):
        raise UnknownNameError(
            "column (in data.target)", target, names, "Or give its place: 0 for the first, -1 for the last."
        )
    if not -len(names) <= target < len(names):
        raise ArgumentError("target", f"a place from {-len(names)} to {len(names) - 1}, or a name", target)
    return names[target]


def _by_place(found: Sequence[str], schema: Schema, where: str) -> tuple[str, ...]:
    """Return column names for a file without a header."""
    without = [name for name in schema.names if name != schema.target.name]
    for names in (schema.names, without, list(schema.encoding.columns)):
        if len(names) == len(found):
            return tuple(names)
    raise DataError(
        f"{where}: expected {len(schema.names)} columns, as in the training ({len(without)} without the target), got "
        f"{len(found)}."
    )
