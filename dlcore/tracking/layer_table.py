"""``layers.csv``: statistics of a network's layers, one row per layer and record."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from dlcore.errors import DataError
from dlcore.tracking.run_file import append, replace_file

FILE = "layers.csv"
COLUMNS = (
    "step", "epoch", "layer", "kind",
    "weight_norm", "weight_std", "weight_max", "gradient_norm", "update_ratio", "unit_spread",
    "mean", "std", "maximum", "dead", "saturated", "top_share", "top_target", "not_finite",
)  # fmt: skip
_TEXT = ("layer", "kind")

# Cells of a row: text in the columns `layer` and `kind`, numbers in the others; unknown ones are missing.
Cells = Mapping[str, str | float]


class LayerTable:
    """Writer of the layer table.

    The columns, each empty if it does not apply:

    - ``step`` (optimiser steps completed), ``epoch`` (epochs completed), ``layer``, ``kind`` (the layer's torch class;
      the network's ``inputs`` and ``outputs``, the first ``validation inputs``, and the ``cell state`` of an LSTM after
      the last token have rows of that kind).
    - For weights with two dimensions or more: ``weight_norm`` (L2), ``weight_std``, ``weight_max`` (largest magnitude),
      ``gradient_norm`` (L2, before clipping), ``update_ratio`` (‖change in the step‖ / ‖weights before it‖) and
      ``unit_spread`` (largest difference between two units' weights of the same input: 0 if all units are equal).
    - For activations: ``mean``, ``std``, ``maximum`` (largest magnitude); for hidden units, inputs and outputs ``dead``
      (share of them with the same value for all samples); for hidden units ``saturated`` (share of values where the
      activation's derivative is below 1% of its maximum); for a classifier's outputs ``top_share`` (share of samples
      with the most common prediction) and ``top_target`` (share of the most common target).
    - ``not_finite``: how many of the layer's numbers are NaN or infinite.

    Args:
        path: The file. An existing one is continued.
        last_step: Drop rows of later steps (a run resumes from the checkpoint of this step); None keeps all.

    Raises:
        DataError: The file exists and is not such a table.
        RunFileError: It cannot be written.
    """

    def __init__(self, path: Path, last_step: int | None = None) -> None:
        self.path = path
        rows = _rows(path) if path.exists() else []
        kept = [row for row in rows if last_step is None or float(row["step"]) <= last_step]
        self.layers = {row["layer"] for row in kept}  # that an earlier session recorded
        replace_file(path, _lines([dict(zip(COLUMNS, COLUMNS, strict=True)), *kept]))

    def write(self, rows: Iterable[Cells]) -> None:
        """Append the rows of one record to the file at once."""
        append(self.path, _lines({name: _text(value) for name, value in row.items()} for row in rows))


def read_layers(path: str | Path) -> dict[str, list[str] | list[float]]:
    """Read a run's ``layers.csv``.

    Args:
        path: The file, or the run's folder.

    Returns:
        The columns by name, all of the same length: strings for ``layer`` and ``kind``, else numbers, NaN for an empty
        cell.

    Raises:
        DataError: There is no such file, or it is not such a table.
    """
    path = Path(path) / FILE if Path(path).is_dir() else Path(path)
    rows = _rows(path)
    return {
        name: [row[name] for row in rows] if name in _TEXT else [float(row[name] or "nan") for row in rows]
        for name in COLUMNS
    }


def _rows(path: Path) -> list[dict[str, str]]:
    """Return the table's rows, without an incomplete last line of a killed process."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a table of layers: {error}.") from error
    reader = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(f"{path}: expected a table with the columns {', '.join(COLUMNS)}.")
    rows = list(reader)
    numbers = [name for name in COLUMNS if name not in _TEXT]
    for number, row in enumerate(rows, start=2):
        try:
            right = None not in row and None not in row.values() and [float(row[name] or "nan") for name in numbers]
        except ValueError:
            right = False
        if not right:
            raise DataError(f"{path}, line {number}: expected {len(COLUMNS)} cells, numbers but for layer and kind.")
    return rows


def _lines(rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.DictWriter(text, COLUMNS, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _text(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else "" if math.isnan(value) else f"{value:.6g}"
