"""Curves of any run folder: dlcore's, Lightning's CSV logger's, or TensorBoard's events alone."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlcore.errors import DataError
from dlcore.tracking.event_files import find_event_files
from dlcore.tracking.metric_pairs import aliases, read_as_pairs
from dlcore.tracking.metrics_csv import read_metrics

_NO_CURVES = ("step", "epoch")


@dataclass(frozen=True)
class LoggedCurve:
    """A metric over a run (P points)."""

    steps: np.ndarray  # optimiser steps (P,), rising
    epochs: np.ndarray  # epochs completed (P,); NaN if unknown
    values: np.ndarray  # the metric (P,), as logged

    def last(self) -> float:
        """Return the last value."""
        return float(self.values[-1])

    def best(self, greater: bool) -> float:
        """Return the greatest or the smallest value; NaN only if all values are NaN."""
        values = self.values[~np.isnan(self.values)]
        return float(values.max() if greater else values.min()) if len(values) else math.nan


def logged_curves(folder: Path) -> dict[str, LoggedCurve]:
    """Read all metrics of a run, by name; add other names as ``train/X``, ``val/X``, ``test/X`` too.

    Raises:
        DataError: The folder holds neither a table of metrics nor event files.
    """
    table = folder / "metrics.csv"
    if table.is_file():
        try:
            return _from_columns(read_metrics(table))
        except DataError:
            return _from_columns(_read_other_csv(table))
    if find_event_files(folder):
        return _from_events(folder)
    raise DataError(
        f"{folder}: expected a run's folder, with metrics.csv or TensorBoard's event files, but has neither."
    )


def _from_columns(columns: dict[str, list[float | None]]) -> dict[str, LoggedCurve]:
    read = read_as_pairs(columns)
    steps, epochs = (
        np.array(read[name] if name in read else [None] * len(read["step"]), dtype=np.float64)  # None becomes NaN
        for name in _NO_CURVES
    )
    curves = {}
    for name, column in read.items():
        there = np.array([value is not None for value in column], dtype=bool)
        if name not in _NO_CURVES and there.any():
            curves[name] = LoggedCurve(steps[there], epochs[there], np.array(column, dtype=np.float64)[there])
    return curves


def _read_other_csv(path: Path) -> dict[str, list[float | None]]:
    """Read a table with a column ``step`` anywhere and several rows per step, as Lightning's CSV logger writes it."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "step" not in rows[0]:
        raise DataError(f"{path}: expected a table with a column step, one row or more a step.")
    try:
        columns = {name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]}
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: expected numbers in all cells: {error}.") from error
    return columns


def _from_events(folder: Path) -> dict[str, LoggedCurve]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    curves = {}
    for tag in events.Tags()["scalars"]:
        points = events.Scalars(tag)
        steps = np.array([point.step for point in points], dtype=np.float64)
        values = np.array([point.value for point in points], dtype=np.float64)
        curves[tag] = LoggedCurve(steps, np.full_like(steps, math.nan), values)
    return curves | {name: curves[tag] for name, tag in aliases(curves).items()}
