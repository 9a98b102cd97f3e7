"""Open a table's file of any format: first the names of its columns, then its values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.data.tables.cells import CellFormat
from dlcore.data.tables.csv_file import CsvForm, detect_form, has_header, read_csv
from dlcore.data.tables.file_format import check_names, format_of
from dlcore.data.tables.parquet_file import parquet_names, read_parquet
from dlcore.data.tables.spreadsheet import read_cells
from dlcore.data.tables.typed_cells import cell_text, column_of, without_marks
from dlcore.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

_ROWS = 100  # from which a header is detected


@dataclass(frozen=True)
class TableFile:
    """A table's file whose form is known, and whose values are not read yet (those of a sheet are)."""

    path: Path
    cells: CellFormat  # format of its cells
    header: bool  # whether its columns have names of their own
    names: tuple[str, ...]  # names of its columns; ``column_1``, ``column_2``, … without a header
    form: CsvForm | None = None  # of a CSV file
    rows: list[list[Any]] | None = None  # the cells of a sheet, without the header

    def named(self, names: Sequence[str]) -> TableFile:
        """Return the file with other names for its columns."""
        form = None if self.form is None else replace(self.form, names=tuple(names))
        return replace(self, names=tuple(names), form=form)

    def read(self, as_text: Collection[str] = (), ignored: Collection[str] = ()) -> DataFrame:
        """Read the values; the columns `as_text` as text. A Parquet file's ignored columns are not read."""
        if self.form is not None:
            return read_csv(self.path, self.form, as_text)
        decimal = self.cells.numbers.decimal
        if self.rows is None:
            wanted = [name for name in self.names if name not in ignored]
            table = read_parquet(self.path, wanted, as_text, decimal)
        else:
            import pandas as pd

            columns = zip(*self.rows, strict=True)
            table = pd.DataFrame(
                {name: column_of(own, name in as_text, decimal) for name, own in zip(self.names, columns, strict=True)}
            )
        return without_marks(table, self.cells)

    def as_it_is(self) -> DataFrame:
        """Read all cells as they are: text of a CSV file, values of their types of another."""
        import pandas as pd

        if self.form is not None:
            return read_csv(self.path, replace(self.form, cells=_AsItIs()), self.names)
        if self.rows is None:
            return pd.read_parquet(self.path)
        return pd.DataFrame(self.rows, columns=list(self.names), dtype=object)


class _AsItIs(CellFormat):
    """Cells of which none is missing, not even an empty one."""

    @property
    def missing(self) -> tuple[str, ...]:
        return ()


def open_table(
    path: Path,
    encoding: str,
    separator: str,
    header: bool | str,
    sheet: str | int,
    known: tuple[str, ...] | None = None,
    cells: CellFormat | None = None,
) -> TableFile:
    """Find the form of a table's file; the arguments are those of `Table` and of `detect_form`."""
    cells = CellFormat() if cells is None else cells
    kind = format_of(path)
    if kind == "csv":
        form = detect_form(path, encoding, separator, header, known, cells)
        return TableFile(path, cells, form.header, form.names, form)
    if kind == "parquet":
        return TableFile(path, cells, True, tuple(parquet_names(path)))
    return _sheet(path, read_cells(path, sheet), header, known, cells)


def _sheet(
    path: Path, rows: list[list[Any]], header: bool | str, known: tuple[str, ...] | None, cells: CellFormat
) -> TableFile:
    while rows and not any(cell is not None for cell in rows[0]):  # blank lines, as of a CSV file
        rows = rows[1:]
    if not rows:
        raise DataError(f"{path}: expected rows of values, got an empty sheet. Another sheet: --data.sheet NAME.")
    if known is None and len(rows[0]) == 1:
        raise DataError(f"{path}: expected a target and at least one other column, got a single one.")
    beginning = [[cell_text(cell, cells.numbers.decimal) for cell in row] for row in rows[: _ROWS + 1]]
    named = header if isinstance(header, bool) else has_header(path, beginning, known, cells)
    given = [name.strip() for name in beginning[0]] if named else [""] * len(rows[0])
    if named and 2 * sum(map(bool, given)) < len(given):
        raise DataError(
            f"{path}: expected the columns' names in the first row, got {sum(map(bool, given))} for {len(given)} "
            "columns. Remove titles and notes above and beside the table, and cells that are merged."
        )
    names = tuple(name or f"column_{number}" for number, name in enumerate(given, 1))
    check_names(path, names)
    rows = [row for row in rows[named:] if any(cell is not None for cell in row)]
    if not rows:
        raise DataError(f"{path}: expected rows below the header, got none.")
    return TableFile(path, cells, named, names, rows=rows)
