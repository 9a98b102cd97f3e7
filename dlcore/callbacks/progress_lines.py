"""What `ProgressDisplay` prints: the live line of a pass over data, and the table with one line per epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from dlcore.callbacks.monitor_callback import is_better
from dlcore.tracking.metric_names import mode_of
from dlcore.tracking.metric_pairs import aliases, canonical_name
from dlcore.translation import _


class LiveLine:
    """Counters of one pass over data. The training thread counts; the drawing thread reads at any time.

    Args:
        label: Name of the pass.
        total: Total number of batches; may be infinite.
        done: Batches completed before.
        world_size: Number of processes that train equally fast.
    """

    def __init__(self, label: str, total: float, done: int = 0, world_size: int = 1) -> None:
        self.label, self.total, self.done, self.world_size = label, total, done, world_size
        self.samples = self._largest = 0
        self.loss: float | None = None
        self.started = time.monotonic()
        self.restart_clock()

    def count(self, batch_idx: int, samples: int) -> None:
        """Count the batch just completed, and skipped batches before it.

        Args:
            batch_idx: Its index in the pass, from 0.
            samples: Its samples. Each skipped batch counts as the largest batch so far: only the last one is smaller.
        """
        self._largest = max(self._largest, samples)
        self.samples += samples + (batch_idx - self.done) * self._largest
        self.done = batch_idx + 1

    def restart_clock(self) -> None:
        """Restart the measurement of speed."""
        self.marks = [(time.monotonic(), self.done, self.samples)]

    def speed(self) -> tuple[float, float]:
        """Return batches and samples per second over the last ten seconds, or over the last batch if it took longer."""
        marks = self.marks
        if self.done > marks[-1][1]:
            now = time.monotonic()
            marks.append((now, self.done, self.samples))
            while len(marks) > 2 and marks[1][0] < now - 10:
                marks.pop(0)
        (begin, batches_before, samples_before), (end, batches, samples) = marks[0], marks[-1]
        if end <= begin:
            return 0.0, 0.0
        seconds = end - begin
        return (batches - batches_before) / seconds, (samples - samples_before) / seconds * self.world_size

    def text(self, width: int, ascii_only: bool) -> Text:
        """Return the line, at most `width` characters. If it is too long, drop the bar, then speed, loss, time."""
        known = math.isfinite(self.total)
        total = f"{self.total:.0f}"
        batches, samples = self.speed()
        parts = [f"{self.done:>{len(total)}}/{total}" if known else f"{self.done}"]
        if samples or batches:
            said = _("{rate} samples/s") if samples else _("{rate} batches/s")
            rate = samples or batches
            parts.append(said.format(rate=f"{rate:,.{0 if rate >= 10 else 2}f}"))
        if self.loss is not None:
            parts.append(_("loss {loss:#.3g}").format(loss=self.loss))
        if not known:
            parts.append(_clock(time.monotonic() - self.started))
        elif batches:
            parts.append(_("{time} left").format(time=_clock(max(self.total - self.done, 0) / batches)))
        while (room := width - cell_len(self.label) - cell_len("  ".join(parts)) - 1) < 0 and len(parts) > 1:
            parts.pop(1)
        text = Text(self.label, style="bold", no_wrap=True, overflow="crop", end="")
        bar = min(room - 1, max(10, min(40, width - 62)))  # of constant length, so that nothing else moves
        if known and bar >= 4:
            filled = round(bar * min(self.done / self.total, 1)) if self.total else bar
            text.append(" " + ("=" if ascii_only else "━") * filled, "not bold cyan")
            text.append(("-" if ascii_only else "─") * (bar - filled), "not bold dim")
        text.append(" " + "  ".join(parts), "not bold")
        text.truncate(width)
        return text


def _clock(seconds: float) -> str:
    """Format seconds as 0:04, 12:30 or 1:02:03."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}" if minutes >= 60 else f"{minutes}:{second:02d}"


def count_samples(batch: Any) -> int:
    """Return the number of samples in a batch (inputs, …) or in a list of such batches; 0 if unknown."""
    if isinstance(batch, list) and batch and isinstance(batch[0], tuple):
        return sum(map(count_samples, batch))
    while isinstance(batch, (tuple, list, dict)) and batch:
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    try:
        return len(batch)
    except TypeError:
        return 0


class EpochTable:
    """Formatter of the table's lines: aligned rows, and a header whenever the columns change.

    Args:
        monitor: Metric whose best value gets a star; None for ``val/loss``.
        mode: Whether its ``min`` or its ``max`` is best; None or ``auto``: infer it from the name.
        best: Its best value before a resume.
    """

    def __init__(self, monitor: str | None, mode: str | None, best: Any) -> None:
        self.monitor, self.mode = (monitor, mode) if monitor else ("val/loss", "min")
        self.best = None if best is None else float(best)
        self.widths: dict[str, int] = {}
        self.shown: dict[str, Any] = {}
        self.epoch_has_row = False

    def lines(self, epoch: str, seconds: float, metrics: Mapping[str, Any], lr: Any, console: Console) -> list[Text]:
        """Return a row for new metrics, with a header before it if the columns have changed.

        Leave a metric blank if it was not logged since the last row: `metrics` still holds its old value.

        Args:
            epoch: Epochs or steps completed.
            seconds: Seconds since the last row.
            metrics: All logged metrics, by name: numbers, or tensors with one element.
            lr: Learning rate, a number or a tensor; None without an optimiser.
            console: Console that will print the lines.
        """
        keys = _columns(metrics, self.monitor)
        values = {key: float(metrics[key]) for key in keys if metrics[key] is not self.shown.get(key)}
        if self.epoch_has_row and not values:
            return []
        self.epoch_has_row = True
        self.shown = {key: metrics[key] for key in keys}

        cells = {"epoch": epoch} | {key: _number(values[key]) if key in values else "" for key in keys}
        cells |= {"lr": f"{float(lr):.3g}"} if lr is not None else {}
        cells |= {"seconds": f"{seconds:,.1f}"}
        lines = []
        if cells.keys() != self.widths.keys():
            self.widths = self._fit_widths(keys, console.width, steps=not epoch[0].isdigit(), lr=lr is not None)
            heads = (_crop(_head(key), width, console) for key, width in self.widths.items())
            lines.append(Text("  ".join(heads), "bold"))
        row = Text()
        for key, cell in cells.items():
            best = key == self.monitor and key in values and self._improves(values[key])
            mark = ("*" if console.options.ascii_only else "★") if best else " "
            alarm = key in values and not math.isfinite(values[key])
            row.append(_right(cell, self.widths[key]) + mark, "bold green" if best else "bold red" if alarm else "")
            row.append(" ")
        row.rstrip()
        return [*lines, row]

    def _improves(self, value: float) -> bool:
        mode = self.mode if self.mode in ("min", "max") else mode_of(self.monitor)
        better = mode is not None and is_better(value, self.best, mode)
        self.best = value if better else self.best
        return better

    @staticmethod
    def _fit_widths(keys: list[str], room: int, steps: bool, lr: bool) -> dict[str, int]:
        """Return the column widths. Crop long names to fit the line into `room`, but not below 8 characters."""
        names = {key: max(8, cell_len(_head(key))) for key in keys}
        first = {"epoch": 12 if steps else 6}
        last = ({"lr": 8} if lr else {}) | {"seconds": 7}
        room -= sum(width + 2 for width in [*first.values(), *last.values()]) - 2
        while sum(names.values()) + 2 * len(names) > room and max(names.values(), default=8) > 8:
            longest = max(names, key=names.__getitem__)
            names[longest] -= 1
        return first | names | last


def _columns(metrics: Mapping[str, Any], monitor: str) -> list[str]:
    """Return the keys to show: loss and one more metric (the monitored one, else the first) of train and val."""
    names: dict[str, list[str]] = {"train": [], "val": []}
    own = {key: key for key in metrics} | aliases(metrics)
    for key in own:
        stage, _, name = key.partition("/")
        if stage in names and "/" not in name and not name.endswith(("_step", "_epoch")):
            names[stage].append(name)
    both = [name for name in names["val"] if name in names["train"]]
    watched = canonical_name(monitor).partition("/")[2]
    extra = [name for name in (watched, *both, *names["val"], *names["train"]) if name != "loss"]
    return [
        own[f"{stage}/{name}"]
        for name in ("loss", next((name for name in extra if name in names["train"] + names["val"]), ""))
        for stage in ("train", "val")
        if name in names[stage]
    ]


def _head(key: str) -> str:
    """Return a column's name: ``train/bits_per_character`` gives ``train bits/char``."""
    if key in ("epoch", "seconds"):
        return {"epoch": _("epoch"), "seconds": _("seconds")}[key]
    return key.replace("/", " ", 1).replace("bits_per_character", "bits/char")


def _crop(name: str, width: int, console: Console) -> str:
    if cell_len(name) > width:
        name = set_cell_size(name, width - 1) + ("." if console.options.ascii_only else "…")
    return _right(name, width)


def _right(text: str, width: int) -> str:
    """Fill text from the left to a width in columns; a Chinese character takes two."""
    return " " * (width - cell_len(text)) + text


def _number(value: float) -> str:
    """Format a metric in at most nine characters."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e3 or not math.isfinite(value) else f"{value:.2e}"
