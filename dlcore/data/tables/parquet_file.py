"""Read a Parquet file: typed columns, as those of a CSV file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.data.tables.file_format import check_installed, check_names
from dlcore.data.tables.typed_cells import column_of
from dlcore.errors import DataError, DlcoreError, in_a_line
from dlcore.plain_text import flag_words

if TYPE_CHECKING:
    from pandas import DataFrame

_MOST_CELLS = 1 << 30  # 8 GB; a file of some bytes can promise more
_FITTING = ("integer", "floating", "boolean", "string", "large_string", "decimal", "date", "timestamp", "null")


def parquet_names(path: Path) -> list[str]:
    """Return the names of the columns; an index that pandas wrote is a column, too."""
    check_installed(path, "pyarrow", "parquet")
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = [str(name) for name in file.schema_arrow.names]
    except Exception as error:  # a damaged file can raise almost anything
        raise _damaged(path, error) from error
    check_names(path, names)
    if not names:
        raise DataError(f"{path}: expected columns, got none.")
    return names


def read_parquet(path: Path, wanted: Collection[str], as_text: Collection[str], decimal: str) -> DataFrame:
    """Read the columns `wanted`, those of `as_text` as text. Each fault of the file is a `DataError`."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            fields = [field for field in file.schema_arrow if field.name in wanted]
            rows = file.metadata.num_rows
        for field in fields:
            _check_type(path, field, pa.types)
        if rows * len(fields) > _MOST_CELLS:
            raise DataError(
                f"{path}: expected at most {_MOST_CELLS:,} cells, got {rows * len(fields):,}. Make files of fewer rows."
            )
        texts = [field.name for field in fields if field.type in (pa.string(), pa.large_string())]
        # Each text is kept once, however many rows have it.
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            frame = file.read([field.name for field in fields]).to_pandas(
                ignore_metadata=True, integer_object_nulls=True, date_as_object=False
            )
    except (DlcoreError, MemoryError):
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    if not len(frame):
        raise DataError(f"{path}: expected rows, got none.")
    for name in frame.columns:
        column = frame[name]
        if getattr(column.dtype, "tz", None) is not None:
            frame[name] = column.dt.tz_localize(None)  # the time that a clock in that zone showed
        elif name in as_text or (column.dtype.kind == "O" and str(column.dtype) != "category"):
            cells = [None if pd.isna(cell) else cell for cell in column.tolist()]
            frame[name] = column_of(cells, name in as_text, decimal)
    return frame


def _check_type(path: Path, field: Any, types: Any) -> None:
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if not any(getattr(types, f"is_{name}")(kind) for name in _FITTING):
        nested = "nested values, " if types.is_nested(kind) else ""
        raise DataError(
            f"{path}: column {field.name!r}: expected numbers, text, true and false, or dates, got {nested}{kind}. "
            f"Leave it out ({flag_words('data.ignore', field.name)}), or write its parts as columns of their own."
        )


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read as Parquet ({in_a_line(error)}). Write it again, or as CSV (UTF-8).")
