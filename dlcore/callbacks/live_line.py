"""The live line of `ProgressDisplay`: progress, speed and remaining time of a pass over data."""

from __future__ import annotations

import math
import time
from typing import Any

from rich.text import Text


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
            rate, unit = (samples, "samples") if samples else (batches, "batches")
            parts.append(f"{rate:,.{0 if rate >= 10 else 2}f} {unit}/s")
        if self.loss is not None:
            parts.append(f"loss {self.loss:#.3g}")
        if not known:
            parts.append(_clock(time.monotonic() - self.started))
        elif batches:
            parts.append(f"{_clock(max(self.total - self.done, 0) / batches)} left")
        while (room := width - len(self.label) - len("  ".join(parts)) - 1) < 0 and len(parts) > 1:
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
