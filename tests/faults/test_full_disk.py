"""A disk that is full: each writer says so in a line and leaves its file as it was, whole."""

from __future__ import annotations

import pytest
import torch
from forked_command import limit_files, within

from dlcore.errors import RunFileError
from dlcore.studies.study_run_record import Record, read_record
from dlcore.tracking import read_metrics
from dlcore.tracking.event_files import _records, find_event_files
from dlcore.tracking.histogram import KeptHistograms
from dlcore.tracking.layer_table import COLUMNS, LayerTable, read_layers
from dlcore.tracking.metrics_csv import MetricsCsv
from dlcore.tracking.run_file import replace_file, replacing
from dlcore.tracking.timeline import Timeline, read_events

TOO_LARGE = "File too large"


def until_full(write, size):
    """Write again and again with a limit on the size of files; give what was said, and how often it went well."""
    write(0)
    limit_files(size)
    for number in range(1, 5000):
        try:
            write(number)
        except RunFileError as error:
            return str(error), number
    return "", number


def rows(folder):
    table = MetricsCsv(folder / "metrics.csv")
    return until_full(lambda number: table.write({"train/loss": 1 / (number + 3)}, number), 1000)


def new_columns(folder):
    table = MetricsCsv(folder / "metrics.csv")
    return until_full(lambda number: table.write({f"metric_{number}": 1.0}, 1), 1000)


def changed_rows(folder):
    table = MetricsCsv(folder / "metrics.csv")
    for step in range(40):
        table.write({"a": 1.0, "b": 1.0}, step)
    size = (folder / "metrics.csv").stat().st_size
    return until_full(lambda number: table.write({"b": 1 + number / 1e5}, 5), size + 2)


def happenings(folder):
    timeline = Timeline(folder / "events.jsonl")
    return until_full(lambda number: timeline.write("new_best", "A new best.", number, 1.0), 1000)


def looks(folder):
    table = LayerTable(folder / "layers.csv")
    row = dict.fromkeys(COLUMNS, 1.0) | {"layer": "a", "kind": "Linear"}
    return until_full(lambda number: table.write([row | {"step": number}]), 1000)


def events(folder):
    from dlcore.tracking.event_writer import EventWriter

    writer = EventWriter(folder, 0)
    return until_full(lambda number: writer.add_scalar("train/loss", 1.0, number), 2000)


def histograms(folder):
    from dlcore.tracking.histogram import count_histogram

    kept, one = KeptHistograms(folder), count_histogram(torch.randn(100))
    return until_full(lambda number: kept.keep({f"weights/{k}": one for k in range(number + 1)}, number), 20_000)


def a_file(folder):
    return until_full(lambda number: replace_file(folder / "summary.md", b"x" * 100 * (number + 1)), 1000)


def a_table(folder):
    def write(number):
        with replacing(folder / "predictions.csv") as file:
            for row in range(10 * (number + 1)):
                file.write(f"{row},0.5\n")
            file.write("end\n")

    return until_full(write, 1000)


def a_record(folder):
    return until_full(lambda number: Record("a", 0, "x", times=[[1.0, 2.0]] * number).write(folder), 1500)


def metrics_are_whole(folder, written):
    table = read_metrics(folder)
    return table["step"] == list(range(written)) and None not in table["train/loss"]


def all_columns(folder, written):
    return list(read_metrics(folder)) == ["step", "epoch", *(f"metric_{number}" for number in range(written))]


def row_as_before(folder, written):
    table = read_metrics(folder)
    return table["step"] == list(range(40)) and table["b"][5] is not None


def points_are_whole(folder, written):
    content = find_event_files(folder)[0].read_bytes()
    found = [event for _, event in _records(content)]
    return sum(len(record) for record, _ in _records(content)) == len(content) and None not in found


@pytest.mark.parametrize(
    ("write", "name", "is_whole"),
    [
        pytest.param(
            rows,
            "metrics.csv",
            metrics_are_whole,
            marks=pytest.mark.fault(
                "The disk is full when a row of metrics.csv is added",
                "“…/metrics.csv: could not be written: No space left on device. What was there before is kept.” and "
                "how to go on; no half row",
            ),
        ),
        pytest.param(
            new_columns,
            "metrics.csv",
            all_columns,
            marks=pytest.mark.fault(
                "The disk is full when metrics.csv is written again for a new column",
                "the same; the old table is whole",
            ),
        ),
        pytest.param(
            changed_rows,
            "metrics.csv",
            row_as_before,
            marks=pytest.mark.fault(
                "The disk is full when a value is put into a row that is there", "the same; the row is as it was"
            ),
        ),
        pytest.param(
            happenings,
            "events.jsonl",
            lambda folder, written: [event["step"] for event in read_events(folder)] == list(range(written)),
            marks=pytest.mark.fault(
                "The disk is full when an event is added to events.jsonl", "“…/events.jsonl: could not be written: …”"
            ),
        ),
        pytest.param(
            looks,
            "layers.csv",
            lambda folder, written: read_layers(folder)["step"] == list(range(written)),
            marks=pytest.mark.fault(
                "The disk is full when a look at the layers is added to layers.csv",
                "a warning at the end, “Work in the background failed …: …/layers.csv: No space left on device”; no "
                "half row",
            ),
        ),
        pytest.param(
            events,
            "events.out",
            points_are_whole,
            marks=pytest.mark.fault(
                "The disk is full when TensorBoard's event file grows",
                "“…/events.out.tfevents…: could not be written: …” at that step, no traceback of TensorBoard's; the "
                "file stays readable",
            ),
        ),
        pytest.param(
            histograms,
            "distributions.json",
            lambda folder, written: KeptHistograms(folder).first.step == 0,
            marks=pytest.mark.fault(
                "The disk is full when distributions.json is written again",
                "a warning at the end; the old one is whole",
            ),
        ),
        pytest.param(
            a_file,
            "summary.md",
            lambda folder, written: (folder / "summary.md").stat().st_size == 100 * written,
            marks=pytest.mark.fault(
                "The disk is full when curves.png, summary.md or config.yaml is written",
                "“…/summary.md: could not be written: …”; the old one is whole, nothing is left beside it",
            ),
        ),
        pytest.param(
            a_table,
            "predictions.csv",
            lambda folder, written: (folder / "predictions.csv").read_text().endswith("end\n"),
            marks=pytest.mark.fault(
                "The disk is full when predictions.csv is written",
                "the same; no half table that looks like a whole one",
            ),
        ),
        pytest.param(
            a_record,
            "study_run.json",
            lambda folder, written: len(read_record(folder).times) == written - 1,
            marks=pytest.mark.fault(
                "The disk is full when a run of a study keeps its record", "the run counts as failed, with the reason"
            ),
        ),
    ],
)
def test_a_writer_leaves_its_file_whole(write, name, is_whole, tmp_path):
    said, written = within(write, tmp_path)
    assert name in said
    assert f"could not be written: {TOO_LARGE}. What was there before is kept. Allow larger files (ulimit -f)." in said
    assert written >= 1
    assert is_whole(tmp_path, written)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
