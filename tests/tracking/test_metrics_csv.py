import csv
import math
import subprocess
import sys

import pytest

from dlcore.errors import DataError
from dlcore.tracking import MetricsCsv, read_metrics


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.csv"


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_columns_follow_the_order_of_appearance(path):
    table = MetricsCsv(path)
    table.write({"train/loss": 0.5, "epoch": 0}, 10)
    table.write({"val/loss": 0.25, "lr": 0.001, "epoch": 0}, 20)
    assert rows(path) == [
        ["step", "epoch", "train/loss", "val/loss", "lr"],
        ["10", "0", "0.5", "", ""],
        ["20", "0", "", "0.25", "0.001"],
    ]
    assert table.columns == ("step", "epoch", "train/loss", "val/loss", "lr")


def test_values_of_one_step_share_a_row_whatever_the_order(path):
    table = MetricsCsv(path)
    table.write({"a": 1.0, "b": 2.0}, 9)
    table.write({"a": 3.0}, 10)
    table.write({"b": 4.0}, 9)
    table.write({"b": 5.0, "a": 6.0}, 10)
    assert rows(path)[1:] == [["9", "", "1.0", "4.0"], ["10", "", "6.0", "5.0"]]


def test_rows_are_by_step_even_if_they_come_late(path):
    table = MetricsCsv(path)
    for step in (5, 10, 7, 12, 1, 3):
        table.write({"a": float(step)}, step)
    assert [row[0] for row in rows(path)[1:]] == ["1", "3", "5", "7", "10", "12"]
    assert [float(row[2]) for row in rows(path)[1:]] == [1, 3, 5, 7, 10, 12]


def test_step_from_long_ago_gets_into_its_row(path):
    table = MetricsCsv(path)
    for step in range(500):
        table.write({"a": 1.0}, step)
    table.write({"a": 2.0}, 3)
    table.write({"a": 7.0}, 500)
    values = read_metrics(path)
    assert values["step"] == list(range(501))
    assert (values["a"][3], values["a"][2], values["a"][500]) == (2.0, 1.0, 7.0)


def test_step_that_ends_an_epoch_and_begins_the_next_keeps_the_first(path):
    table = MetricsCsv(path)
    table.write({"val/loss": 1.0, "epoch": 0}, 10)
    table.write({"lr": 0.1, "epoch": 1}, 10)
    assert read_metrics(path) == {"step": [10.0], "epoch": [0.0], "val/loss": [1.0], "lr": [0.1]}


def test_file_is_complete_after_every_write(path):
    table = MetricsCsv(path)
    for step in range(30):
        table.write({"a": step / 7, **({"b": 1.0} if step == 17 else {})}, step)
        assert len(read_metrics(path)["a"]) == step + 1


def test_new_row_is_appended_and_not_the_file_rewritten(path):
    table = MetricsCsv(path)
    table.write({"a": 0.0, "b": 0.0}, 0)
    node = path.stat().st_ino
    for step in range(1, 300):
        table.write({"a": 1.5}, step)
        table.write({"b": 2.5}, step)  # in place
    assert path.stat().st_ino == node
    table.write({"c": 1.0}, 300)  # one column more: a new file in the old one's place
    assert path.stat().st_ino != node
    assert len(rows(path)) == 302
    assert [file.name for file in path.parent.iterdir()] == ["metrics.csv"]


def test_shorter_value_leaves_nothing_of_the_longer_one(path):
    table = MetricsCsv(path)
    table.write({"a": 0.123456789}, 1)
    table.write({"a": 1.0}, 1)
    assert path.read_text() == "step,epoch,a\n1,,1.0\n"
    table.write({"a": 2.0}, 2)
    assert path.read_text() == "step,epoch,a\n1,,1.0\n2,,2.0\n"


def test_numbers_are_short_and_exact(path):
    import numpy as np

    values = {"a": float(np.float32(0.8533)), "b": 0.1, "c": 3, "d": math.nan, "e": -math.inf, "f": 1e300, "g": 1 / 3}
    MetricsCsv(path).write(values, 1)
    assert rows(path)[1] == ["1", "", "0.8533", "0.1", "3", "nan", "-inf", "1e+300", "0.3333333333333333"]
    read = read_metrics(path)
    assert math.isnan(read["d"][0])
    assert read["e"] == [-math.inf]
    assert np.float32(read["a"][0]) == np.float32(values["a"])


def test_names_with_commas_quotes_and_chinese(path):
    table = MetricsCsv(path)
    table.write({'a, "b"': 1.0, "准确率": 0.5}, 1)
    table.write({'a, "b"': 2.0}, 2)
    assert read_metrics(path)['a, "b"'] == [1.0, 2.0]
    assert read_metrics(path)["准确率"] == [0.5, None]


def test_existing_file_is_continued(path):
    MetricsCsv(path).write({"a": 1.0}, 1)
    table = MetricsCsv(path)
    assert table.columns == ("step", "epoch", "a")
    table.write({"b": 5.0}, 1)
    table.write({"a": 2.0}, 2)
    assert rows(path)[1:] == [["1", "", "1.0", "5.0"], ["2", "", "2.0", ""]]


def test_resume_drops_the_rows_beyond_its_step_and_keeps_the_step_itself(path):
    table = MetricsCsv(path)
    for step in range(0, 100, 10):
        table.write({"a": float(step)}, step)
    table = MetricsCsv(path, last_step=50)
    assert read_metrics(path)["step"] == [0, 10, 20, 30, 40, 50]
    table.write({"a": -1.0}, 60)
    assert read_metrics(path)["a"] == [0, 10, 20, 30, 40, 50, -1]


@pytest.mark.fault(
    "The machine crashes while a row is written",
    "that row is left out",
)
def test_line_that_a_crash_cut_off_is_left_out(path):
    path.write_text("step,epoch,a\n1,0,0.5\n2,0,0.4")
    table = MetricsCsv(path)
    table.write({"a": 0.3}, 2)
    assert rows(path)[1:] == [["1", "0", "0.5"], ["2", "", "0.3"]]


def test_deleted_or_edited_file_is_made_whole(path):
    table = MetricsCsv(path)
    table.write({"a": 1.0}, 1)
    table.write({"a": 2.0}, 2)
    path.unlink()
    table.write({"a": 3.0}, 3)
    assert read_metrics(path)["a"] == [1.0, 2.0, 3.0]
    path.write_text("step,epoch,a,mine\n1,,1.0,7\n")
    table.write({"a": 4.0}, 4)
    assert read_metrics(path) == {"step": [1, 4], "epoch": [None] * 2, "a": [1.0, 4.0], "mine": [7.0, None]}


@pytest.mark.parametrize("text", ["name,age\nx,1\n", "step,epoch,a\n1,0,many\n", "step,epoch,a\n1,0\n", "step\nx\n"])
def test_foreign_file_is_an_error_that_names_it(path, text):
    path.write_text(text)
    with pytest.raises(DataError, match=r"metrics\.csv, line [12]: this is not a table of metrics"):
        MetricsCsv(path)
    assert path.read_text() == text


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_metrics(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"metrics\.csv: there is no such file"):
        read_metrics(tmp_path)


@pytest.mark.process
@pytest.mark.fault(
    "SIGKILL right after a metric was logged",
    "its row is in metrics.csv",
)
def test_killed_process_loses_no_row(path):
    code = (
        "import os, pathlib, sys\n"
        "from dlcore.tracking.metrics_csv import MetricsCsv\n"
        "table = MetricsCsv(pathlib.Path(sys.argv[1]))\n"
        "for step in range(100): table.write({'a': 0.5, 'epoch': 0}, step)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    assert read_metrics(path)["step"] == list(range(100))
