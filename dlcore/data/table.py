"""Tables of the user's own, from CSV files, spreadsheets or Parquet files, and a few that are built in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from dlcore.data.array_data import ArrayData, Split
from dlcore.data.resumable_data import fill_empty_parts, say
from dlcore.data.splits import HoldOut
from dlcore.data.tables.builtin import BUILTIN, builtin_table
from dlcore.data.tables.cells import THOUSANDS, CellFormat, NumberFormat
from dlcore.data.tables.columns import Column
from dlcore.data.tables.csv_file import fingerprint
from dlcore.data.tables.encoding import Encoding, Schema
from dlcore.data.tables.file_format import table_path
from dlcore.data.tables.rows import RowReader, Rows
from dlcore.data.tables.table_file import TableFile
from dlcore.data.tables.target import Target
from dlcore.errors import ArgumentError, DataError, UnknownNameError, check_number

if TYPE_CHECKING:
    from pandas import DataFrame


_CHOICES = {
    "missing": ("error", "mean", "drop"),
    "task": ("auto", "multiclass", "binary", "regression"),
    "decimal": (".", ","),
    "dates": ("number", "cycles"),
    "day_first": (True, False, "auto"),
    "thousands": ("auto", *THOUSANDS),
}


class Table(ArrayData):
    """A table from a CSV file, a spreadsheet or a Parquet file: one column is the target, the others are the inputs.

    Numbers are standardised with mean and standard deviation of the training rows; a column of names is one-hot; true
    and false are 1 and 0. All of that is kept in the checkpoint, so that new rows are read the same way: with a
    checkpoint, validate, test and predict use all of a file other than the one of the training. Its columns are found
    by name, in any order, others are ignored, predict needs no target, and a category that no training row has becomes
    all zeros. Targets of a regression stay in their own unit (or target_unit), and so do loss, metrics and answers.

    Args:
        path: The file: CSV, .xlsx (.xls, .ods; pip install 'dlcore[excel]') or .parquet (pip install
            'dlcore[parquet]'). Text in any cell is read by the same rules; a formula is its value.
        target: The target's column: its name, or its index (0 the first, -1 the last).
        builtin: A table that needs no file: breast_cancer, diabetes, linear_regression (the textbook's five points), or
            points of the plane: moons, circles, xor, spiral, sine, fever; path takes precedence.
        header: Whether the file's first row names the columns: true, false, or auto, which takes words over numbers
            for names and a row with numbers for values, and ends with an error if both or neither is found.
        separator: The character between values; tab; auto detects comma, semicolon or tab.
        decimal: The character before a number's fraction: a comma where 1,5 is one and a half.
        thousands: The separator of groups of three digits: none, a comma, a dot, space or apostrophe; auto accepts a
            space, an apostrophe and, with a decimal comma, the dot. Percent and currency signs, the same at each
            number of a column, and brackets for negative numbers are always understood.
        sheet: The spreadsheet's sheet: its name, or its place (0 the first, -1 the last).
        encoding: The CSV file's encoding, utf-8 (with or without byte order mark), gbk, ….
        dates: How dates are read (2024-05-01, 2024/5/1 13:45, 2024年5月1日, 01.05.2024): number, their days, since the
            first training day if not standardised; cycles, also sine and cosine of the place in the week, the year
            and, if there are times, the day. Zones are not converted.
        day_first: Whether 01/02/2024 is the first of February; auto: the one that all of the column allows.
        ignore: Columns that are left out, by name: id, or '[id, name]'.
        categorical: Columns whose values are names even where they are numbers (a postcode): by name.
        max_categories: Most categories of a column, at least 2; more are an error, since each is an input.
        na_values: Further texts that mark a missing value: k.A., or '["k.A.", "-"]'.
        missing: How to handle missing values (empty, NA, N/A, NaN, null, ?): error; mean fills in the mean of the
            training rows (a missing category is all zeros, a missing target an error); drop leaves such rows out.
        standardize: Whether numbers become (value - mean) / standard deviation, a constant column 0; false leaves them
            unchanged.
        standardize_target: Give mean and deviation of a regression's training targets to the model (MLP), which then
            learns standardised ones: so is the loss; metrics and answers stay in their own unit.
        target_unit: Numbers of a regression target are divided by this; loss, metrics and answers are then in that
            unit (1000: in thousands).
        task: What is learned: auto follows the model's task if that is given, else the target: two different values
            are binary; text, or whole numbers with at most 20 different values and 5 rows for each, are multiclass;
            other numbers are regression.
        val_size: Rows that validate, chosen by split_seed, classes in their shares: below 1 a share, from 1 on a
            number; 0 validates on the test rows, without those on the training rows.
        test_size: Rows that test, chosen likewise before them; 0 tests on the validation rows, without those on the
            training rows.
        split_seed: Determines the choice of the validation and test rows.
        folds: Cross-validation: one of so many folds tests instead of test_size; 0: none. All in turn: study --folds 5
        fold: The fold that tests, from 0.
        group: A column, by name, whose rows of equal value stay in one part or fold (one patient); it is no input.
        val_path: A file whose rows validate, with the same columns; val_size is then not used.
        test_path: A file whose rows test, with the same columns; test_size is then not used.
        batch_size: Rows in a training batch, of each process; for a million rows choose thousands.
        eval_batch_size: Rows in a batch of validation, test and prediction; it changes speed and memory only.
        drop_last: Leave out an epoch's last batch when it is smaller than the others.

    Shape:
        - Inputs: (B, F), float32: a number for each column of numbers, one for each category of a column of names.
        - Targets: (B,), int64, class indices; (B, 1), float32, numbers of a regression.

    Raises:
        ArgumentError: A value lies outside its range, or must be given.
        UnknownNameError: A column or built-in table of that name is not there.
        DataError: The file cannot be read, or its values cannot be learned from.
    """

    def __init__(
        self,
        path: str | None = None,
        target: int | str = -1,
        builtin: str | None = None,
        header: bool | Literal["auto"] = "auto",
        separator: str = "auto",
        decimal: Literal[".", ","] = ".",
        thousands: Literal["auto", "none", ",", ".", "space", "apostrophe"] = "auto",
        sheet: int | str = 0,
        encoding: str = "utf-8",
        dates: Literal["number", "cycles"] = "number",
        day_first: bool | Literal["auto"] = "auto",
        ignore: list[str] | str = [],  # noqa: B006 (never changed; a plain list is what --help shows and YAML has)
        categorical: list[str] | str = [],  # noqa: B006
        max_categories: int = 100,
        na_values: list[str] | str = [],  # noqa: B006
        missing: Literal["error", "mean", "drop"] = "error",
        standardize: bool = True,
        standardize_target: bool = False,
        target_unit: float = 1.0,
        task: Literal["auto", "multiclass", "binary", "regression"] = "auto",
        val_size: float = 0.2,
        test_size: float = 0.2,
        split_seed: int = 0,
        folds: int = 0,
        fold: int = 0,
        group: str | None = None,
        val_path: str | None = None,
        test_path: str | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 10000,
        drop_last: bool = False,
    ) -> None:
        super().__init__(batch_size, eval_batch_size, drop_last)
        check_number("max_categories", max_categories, at_least=2)
        check_number("target_unit", target_unit, above=0)
        if builtin is not None and builtin not in BUILTIN:
            raise UnknownNameError("built-in table (in data.builtin)", builtin, BUILTIN)
        if path is None and builtin is None:
            raise ArgumentError("path", "a CSV file", None, f"Or --data.builtin {' or '.join(BUILTIN)}.")
        chosen = {"missing": missing, "task": task, "decimal": decimal, "thousands": thousands}
        for argument, choice in (chosen | {"dates": dates, "day_first": day_first}).items():
            if choice not in _CHOICES[argument]:  # jsonargparse checks the command line only
                raise ArgumentError(argument, " or ".join(map(repr, _CHOICES[argument])), choice)
        if thousands == decimal:
            other = "," if decimal == "." else "."
            raise ArgumentError("thousands", "a sign other than decimal", thousands, f"Or --data.decimal {other}.")
        self.path, self.target, self.builtin = path, target, builtin
        ignored, named, marks = ([each] if isinstance(each, str) else each for each in (ignore, categorical, na_values))
        cells = CellFormat(NumberFormat(decimal, thousands), tuple(marks))
        first = None if day_first == "auto" else bool(day_first)
        self.reader = RowReader(encoding, separator, header, sheet, first, ignored, named, cells, group)
        self.max_categories, self.missing, self.cycles = max_categories, missing, dates == "cycles"
        self.standardize, self.standardize_target, self.target_unit = standardize, standardize_target, target_unit
        self.task = None if task == "auto" else task
        self.hold_out = HoldOut(val_size, test_size, split_seed, folds, fold)
        self.val_path, self.test_path = val_path, test_path
        self.source = f"built-in table {builtin}" if path is None else path
        self.schema: Schema | None = None
        self.new_rows: TableFile | None = None  # another file than that of the training
        self._wish: str | None = None
        self._own = [name for name, file in (("val", val_path), ("test", test_path)) if file is not None]
        self._rules = {"missing": missing, "group": group}  # with hold_out they determine which rows are held out
        self._held_out: dict[str, Any] = {}  # the same in a checkpoint

    # What is known before and after the rows are read

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Use the model's task, and what a checkpoint holds of the columns."""
        self._wish = task
        if kept and kept.get("table"):
            self.schema, self._held_out = Schema.from_state(kept["table"]), kept.get("held_out", {})

    def facts(self) -> dict[str, Any]:
        """Return what a model may ask for, and the rows' origin; read them unless a checkpoint has the columns."""
        if self.schema is None:
            self.parts = self.load()
        schema = self._known
        classes = schema.target.classes
        return {
            "tasks": [self.task] if self.task else schema.target.tasks,
            "in_features": schema.encoding.in_features,
            "num_classes": 1 if classes is None else len(classes),
            **schema.target.facts,
            "columns": list(schema.encoding.columns),
            "target_name": schema.target.label,
            "source": self.source,
        }

    @property
    def _known(self) -> Schema:
        return cast(Schema, self.schema)  # not None once rows are read

    def state_dict(self) -> dict[str, Any]:
        """Return the state of `ArrayData`, and all that is needed to read new rows like the training rows."""
        table = self.schema.state() if self.schema is not None else None
        return {**super().state_dict(), "table": table, "held_out": {**self.hold_out.state(self._own), **self._rules}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run, with its columns."""
        super().load_state_dict(state)
        if self.schema is None or self.schema.state() != state["table"]:
            self.expect(self._wish, state)
            self.parts = self.load() if self.parts else {}

    # Reading

    def transform(self, inputs: Tensor) -> Tensor:
        """Expand stored rows (B, C) to the inputs of the network (B, F)."""
        return self._known.encoding.expand(inputs)

    def load(self) -> dict[str, Split]:
        """Read the rows and fit the encoding to those that train; or read them as the checkpoint's run did."""
        path, content = "", f"built-in {self.builtin}"
        if self.path is not None:
            source: Path | DataFrame = table_path("path", self.path)
            path, content = str(source.resolve()), fingerprint(source)
        else:
            source = builtin_table(self.builtin or "")
        known = self.schema
        if known is None:
            rows, target_name = self.reader.first(source, self.source, self.target)
            return self._cut(rows, target_name, path, content)
        if known.fingerprint == content:
            self.hold_out.check(self._held_out, self._own, **self._rules)
            rows = self.reader.further(source, self.source, known, target_needed=True)
            return self._cut(rows, known.target.name, path, content)
        if self.stage == "fit" or (path and path == known.path):
            raise DataError(
                f"{self.source}: expected the rows of the training, got a file that was changed since or another one: "
                "training and test rows can no longer be told apart. Put new rows into a file of their own; to train "
                "on other rows, leave out --ckpt_path."
            )
        whole = self._whole(source, self.source, target_needed=self.stage != "predict", new=True)
        return {"val": whole, "test": whole}

    def _cut(self, rows: Rows, target_name: str, path: str, content: str) -> dict[str, Split]:
        """Return the parts of the run's own rows; without a schema, fit it to the training rows."""
        kept = rows.kept(self.missing, target_name)
        goal = cast(Column, rows.target)  # the run's own rows have one
        if self.schema is not None:
            target = self.schema.target
        else:
            task = self.task or self._wish
            target = Target.of(goal.take(kept), target_name, rows.where, task, bool(self.task), self.target_unit)
        targets = target.encode(goal, kept, rows.where)
        classes = targets.numpy()[kept] if target.classes is not None else None
        groups = None if rows.groups is None else rows.groups[kept]
        train, test, val = self.hold_out.cut(kept, classes, groups, self._own)
        if self.schema is None:
            target = target.standardized(targets[train]) if self.standardize_target else target
            encoding = Encoding.of(rows.columns, train, self.standardize, self.max_categories, rows.where, self.cycles)
            self.schema = Schema(encoding, target, rows.names, rows.header, path, content)
            for name in encoding.constant:
                say(f"{rows.where}: column {name!r} has one value in all training rows: nothing can be learned from it")
            if advice := target.advice(targets[train]):
                say(f"{rows.where}: {advice}")
        inputs = self._encode(rows, kept)
        parts = {
            name: Split(inputs, targets, torch.from_numpy(chosen))
            for name, chosen in (("train", train), ("val", val), ("test", test))
        }
        if self.val_path is not None:
            parts["val"] = self._whole(table_path("val_path", self.val_path), self.val_path)
        if self.test_path is not None:
            needed = self.stage != "predict"
            parts["test"] = self._whole(table_path("test_path", self.test_path), self.test_path, needed)
        return fill_empty_parts(parts)

    def _whole(self, source: Path | DataFrame, where: str, target_needed: bool = True, new: bool = False) -> Split:
        """Return a part with all rows of a further file."""
        target = self._known.target
        rows = self.reader.further(source, where, self._known, target_needed)
        self.new_rows = rows.file if new else None
        kept = rows.kept(self.missing, target.name, target_needed)
        inputs = self._encode(rows, kept)
        targets = target.encode(rows.target, kept, where) if rows.target else target.unknown(len(inputs))
        return Split(inputs, targets, torch.from_numpy(kept))

    def read_rows(self, rows: DataFrame) -> Tensor:
        """Return rows from elsewhere as the network gets those of the table (N, F); they need no target."""
        read = self.reader.further(rows, "rows", self._known, target_needed=False)
        return self.transform(self._encode(read, np.arange(len(rows))))

    def _encode(self, rows: Rows, kept: np.ndarray) -> Tensor:
        """Return all rows as stored in memory (N, C); print the notes about them."""
        inputs, notes = self._known.encoding.encode(rows.columns)
        notes = [*rows.notes, *notes]
        if len(kept) < len(inputs):
            notes.append(f"{len(inputs) - len(kept):,} of {len(inputs):,} rows have missing values and are left out")
        for note in notes:
            say(f"{rows.where}: {note}")
        return inputs
