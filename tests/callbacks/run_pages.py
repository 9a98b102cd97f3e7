"""What a run left: its page, what TensorBoard reads, and whether both say the same."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dlcore.tracking import read_metrics


def page_of(folder):
    return (folder / "summary.md").read_text(encoding="utf-8")


def events_of(folder):
    return EventAccumulator(str(folder), size_guidance=dict.fromkeys(("scalars", "images", "tensors"), 0)).Reload()


def in_both(folder):
    """Numbers of metrics.csv, having checked that TensorBoard has each of them at the same step."""
    board, table = events_of(folder), read_metrics(folder)
    names = [name for name in table if name not in ("step", "epoch")]
    points = 0
    for name in names:
        rows = [(step, y) for step, y in zip(table["step"], table[name], strict=True) if y is not None]
        assert [(point.step, pytest.approx(y)) for (_, y), point in zip(rows, board.Scalars(name), strict=True)] == [
            (step, point.value) for (step, _), point in zip(rows, board.Scalars(name), strict=True)
        ]
        points += len(rows)
    return points
