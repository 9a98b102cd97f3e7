import io
import math

import pytest
import torch
from rich.console import Console

from dlcore.callbacks import progress_lines as epoch_table
from dlcore.callbacks.progress_lines import EpochTable


def console(width=80):
    return Console(file=io.StringIO(), width=width, color_system=None)


def test_best_value_before_a_resume_counts():
    table = EpochTable("val/loss", "min", torch.tensor(0.3))
    (_, first) = table.lines("1", 1.0, {"val/loss": 0.4}, None, console())
    (second,) = table.lines("2", 1.0, {"val/loss": 0.2}, None, console())
    assert "★" not in first.plain
    assert "★" in second.plain


def test_crops_long_names_to_the_width():
    names = [f"{stage}/{name}" for name in ("loss", "mean_absolute_error") for stage in ("train", "val")]
    metrics = dict.fromkeys(names, 123456.0)
    header, row = EpochTable(None, None, None).lines("1", 1234.5, metrics, 1e-5, console())
    assert header.plain == " epoch  train loss  val loss  train mean_ab…  val mean_absol…        lr  seconds"
    assert row.plain == "     1    1.23e+05  1.23e+05★       1.23e+05         1.23e+05     1e-05  1,234.5"
    header, _ = EpochTable(None, None, None).lines("1", 1.0, metrics, 0.1, console(width=200))
    assert len(row.plain) == 80
    assert "  train mean_absolute_error  val mean_absolute_error  " in header.plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.31234, "0.3123"),
        (0.0, "0.0000"),
        (-1.5, "-1.5000"),
        (1e-5, "1.00e-05"),
        (12345, "1.23e+04"),
        (math.inf, "inf"),
    ],
)
def test_writes_numbers_shortly(value, text):
    assert epoch_table._number(value) == text
