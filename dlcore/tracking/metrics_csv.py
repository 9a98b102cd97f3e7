"""``metrics.csv``: all logged numbers of a run, one row per step, readable at any time during training."""

from __future__ import annotations

import bisect
import contextlib
import csv
import io
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlcore.errors import DataError
from dlcore.tracking.run_file import replace_file, write_at, writing

# Recent rows kept in memory, which may still get values: validation logs before the epoch's means are logged.
_TAIL_ROWS = 64


@dataclass
class _Row:
    step: int
    cells: dict[str, str]
    offset: int = 0  # of the row's first byte in the file


class MetricsCsv:
    """Writer of a wide table: the columns ``step``, ``epoch``, then the metrics in their order of appearance.

    `write` writes to the file at once, so that a killed process loses nothing. Values of a known step are merged into
    its row. A new row is appended; a changed recent row is written in place. Only a new metric (a new column) or a very
    old step rewrites the file, through a temporary file.

    Args:
        path: The file. An existing one is continued.
        last_step: Drop rows of later steps (a run resumes from the checkpoint of this step); None keeps all.

    Raises:
        DataError: The file exists and is not such a table.
        RunFileError: It cannot be written.
    """

    def __init__(self, path: Path, last_step: int | None = None) -> None:
        self.path = path
        self._columns = ["step", "epoch"]
        self._tail: list[_Row] = []  # the last rows, by step
        self._end = 0  # size of the file in bytes
        if path.exists():
            columns, rows = _parse(path)
            self._columns += [name for name in columns if name not in self._columns]
            self._rewrite(row for row in rows if last_step is None or row.step <= last_step)

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns so far."""
        return tuple(self._columns)

    @property
    def last_step(self) -> int | None:
        """The step of the last row; None without rows."""
        return self._tail[-1].step if self._tail else None

    def news(self, metrics: Mapping[str, float], step: int) -> dict[str, float]:
        """Return the values that a step's row does not hold yet: a resumed run logs the end of an epoch again."""
        place = bisect.bisect_left(self._tail, step, key=lambda row: row.step)
        known = self._tail[place].cells if place < len(self._tail) and self._tail[place].step == step else {}
        return {name: value for name, value in metrics.items() if known.get(name) != _format(value)}

    def write(self, metrics: Mapping[str, float], step: int) -> None:
        """Write values into a step's row; a new value replaces an old one.

        Args:
            metrics: Values by name. NaN and infinity are written as ``nan``, ``inf`` and ``-inf``.
            step: The step, at least 0.
        """
        cells = {name: _format(value) for name, value in metrics.items() if name != "step"}
        new_columns = [name for name in cells if name not in self._columns]
        place = bisect.bisect_left(self._tail, step, key=lambda row: row.step)
        known = place < len(self._tail) and self._tail[place].step == step
        before_tail = bool(self._tail) and place == 0 and not known
        exists = self.path.exists()
        # If the size differs, the file was edited or deleted: use its present content.
        if new_columns or before_tail or not exists or self.path.stat().st_size != self._end:
            columns, rows = _parse(self.path) if exists else ([], self._tail)
            self._columns += new_columns + [name for name in columns if name not in (*self._columns, *new_columns)]
            self._rewrite([*rows, _Row(step, cells)])
            return

        start = self._tail[place].offset if place < len(self._tail) else self._end
        if known:
            _merge(self._tail[place].cells, cells)
        else:
            self._tail.insert(place, _Row(step, cells))
        text = self._encode(self._tail[place:], start)
        if start + len(text) < self._end:  # writing less in place would briefly leave old bytes
            self._rewrite([*_parse(self.path)[1], _Row(step, cells)])
            return
        with writing(self.path), self.path.open("r+b", buffering=0) as file:
            write_at(file, start, text)
        self._end = start + len(text)
        del self._tail[:-_TAIL_ROWS]

    def _encode(self, rows: list[_Row], offset: int) -> bytes:
        lines = []
        for row in rows:
            row.offset = offset
            line = f"{row.step},{','.join(row.cells.get(name, '') for name in self._columns[1:])}\n".encode()
            lines.append(line)
            offset += len(line)
        return b"".join(lines)

    def _rewrite(self, rows: Iterable[_Row]) -> None:
        """Rewrite the table atomically, sorted by step, with the rows of one step merged."""
        by_step: dict[int, dict[str, str]] = {}
        for row in rows:
            _merge(by_step.setdefault(row.step, {}), row.cells)
        merged = [_Row(step, by_step[step]) for step in sorted(by_step)]
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(self._columns)
        head = header.getvalue().encode()
        content = head + self._encode(merged, len(head))
        replace_file(self.path, content)
        self._tail, self._end = merged[-_TAIL_ROWS:], len(content)


def read_metrics(path: str | Path) -> dict[str, list[float | None]]:
    """Read a run's ``metrics.csv``.

    Args:
        path: The file, or the run's folder.

    Returns:
        The columns by name, all of the same length; None if a step has no value for a metric.

    Raises:
        DataError: There is no such file, or it is not a table of metrics.
    """
    path = Path(path)
    path = path / "metrics.csv" if path.is_dir() else path
    if not path.exists():
        raise DataError(f"{path}: there is no such file. A run's folder holds metrics.csv after its first logged step.")
    names, rows = _parse(path)
    table: dict[str, list[float | None]] = {"step": [float(row.step) for row in rows]}
    for name in names[1:]:
        table[name] = [float(row.cells[name]) if name in row.cells else None for row in rows]
    return table


def read_rows(path: Path) -> dict[int, dict[str, str]]:
    """Read a table that another process may be writing.

    Returns:
        The cells that have a value, as text, by step and column; empty if there is no file. A line that changes
        meanwhile is left out, with those after it.

    Raises:
        DataError: It is not a table of metrics.
    """
    try:
        first, second = path.read_bytes(), path.read_bytes()
    except FileNotFoundError:
        return {}
    if first != second:
        pairs = zip(first.splitlines(keepends=True), second.splitlines(keepends=True), strict=False)
        first = b"".join(one for one, other in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return {row.step: row.cells for row in _parse(path, first.decode())[1]}


def _parse(path: Path, text: str | None = None) -> tuple[list[str], list[_Row]]:
    text = path.read_text(encoding="utf-8") if text is None else text
    # Drop an incomplete last line, left by a crash: its last number may lack digits.
    lines = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline="")))
    if not lines:
        return ["step", "epoch"], []
    names, rows = lines[0], []
    with contextlib.suppress(ValueError):
        for line in lines[1:]:
            cells = {name: cell for name, cell in zip(names[1:], line[1:], strict=True) if cell}
            for cell in cells.values():
                float(cell)
            rows.append(_Row(int(line[0]), cells))
    if names[0] != "step" or len(rows) != len(lines) - 1:
        raise DataError(
            f"{path}, line {len(rows) + 2 if names[0] == 'step' else 1}: this is not a table of metrics as dlcore "
            "writes it (columns step, epoch, then one a metric; all cells numbers). Move the file away."
        )
    return names, rows


def _merge(cells: dict[str, str], later: dict[str, str]) -> None:
    """Merge later values of a step into its row. Keep the epoch: a step that ends an epoch also starts the next."""
    cells.update({name: value for name, value in later.items() if name != "epoch" or name not in cells})


def _format(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    # Most metrics are float32: write 0.8533 instead of 0.8532999753952026, which is the same float32.
    with np.errstate(over="ignore"):
        short = np.float32(value)
    return str(short) if float(short) == value else repr(float(value))
