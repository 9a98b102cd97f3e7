import json
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from event_readers import events_of

from dlcore.errors import ArgumentError, DataError
from dlcore.tracking import RunLogger
from dlcore.tracking.timeline import Timeline, read_events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def steps(folder):
    return [event["step"] for event in read_events(folder)]


def test_an_event_is_a_line_of_json_with_its_time_step_epoch_kind_and_text(path):
    Timeline(path).write("learning_rate_cut", "Cut from 0.1\nto 0.05: 明月.", 12, 2.5, before=0.1, after=0.05)
    assert path.read_bytes().count(b"\n") == 1
    event = json.loads(path.read_text(encoding="utf-8"))
    assert list(event) == ["time", "step", "epoch", "kind", "text", "before", "after"]
    assert abs(datetime.fromisoformat(event.pop("time")) - datetime.now(UTC)) < timedelta(seconds=30)
    assert event == {
        "step": 12, "epoch": 2.5, "kind": "learning_rate_cut", "text": "Cut from 0.1 to 0.05: 明月.",
        "before": 0.1, "after": 0.05,
    }  # fmt: skip
    assert "明月" in path.read_text(encoding="utf-8")


def test_numbers_that_json_does_not_have_come_back_as_they_were(path):
    Timeline(path).write("not_finite", "NaN", 1, None, value=math.nan, best=math.inf, worst=-math.inf, text_too="inf.")
    json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    (event,) = read_events(path.parent)
    assert math.isnan(event["value"])
    assert (event["best"], event["worst"], event["text_too"], event["epoch"]) == (math.inf, -math.inf, "inf.", None)


def test_a_run_without_events_has_none(tmp_path):
    assert read_events(tmp_path) == []


def test_resume_cuts_the_events_beyond_its_step_and_keeps_those_at_the_step(path):
    timeline = Timeline(path)
    for step in (0, 10, 20, 20, 30):
        timeline.write("new_best", "better", step, None)
    Timeline(path, last_step=20).write("resumed", "on", 20, None)
    assert steps(path.parent) == [0, 10, 20, 20, 20]
    assert [file.name for file in path.parent.iterdir()] == ["events.jsonl"]


@pytest.mark.parametrize("torn", ['{"time": "2026-11-21T15:0', '{"step": 3, "kind": "new_best"}', '{"step": 3, "明'])
@pytest.mark.fault(
    "SIGKILL while an event is written",
    "the half line is dropped, all others stay",
)
def test_the_beginning_of_a_line_that_a_killed_process_left_is_dropped(path, torn):
    Timeline(path).write("started", "on", 0, None)
    with path.open("ab") as file:
        file.write(torn.encode()[:-1])
    assert steps(path.parent) == [0]
    Timeline(path).write("resumed", "on", 4, None)
    assert steps(path.parent) == [0, 4]


def test_an_existing_file_is_continued_and_not_written_anew(path):
    Timeline(path).write("started", "on", 0, None)
    node = path.stat().st_ino
    Timeline(path, last_step=5).write("finished", "off", 5, None)
    assert steps(path.parent) == [0, 5]
    assert path.stat().st_ino == node


@pytest.mark.parametrize("line", ["no json", "[1]", '{"kind": "started"}', '{"step": "1", "kind": "started"}'])
def test_a_file_of_another_kind_is_an_error_that_names_the_line(path, line):
    Timeline(path).write("started", "on", 0, None)
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(DataError, match=r"events\.jsonl, line 2: this is no event"):
        Timeline(path)


def test_a_kind_that_there_is_not_is_an_error(path):
    with pytest.raises(ArgumentError, match=r"kind: expected one of started, .*, got 'exploded'"):
        Timeline(path).write("exploded", "bang", 0, None)


@pytest.mark.process
@pytest.mark.fault(
    "SIGKILL right after an event",
    "it is in events.jsonl",
)
def test_a_killed_process_loses_no_event(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from dlcore.tracking.timeline import Timeline\n"
        "timeline = Timeline(Path(sys.argv[1]) / 'events.jsonl')\n"
        "for step in range(50): timeline.write('new_best', 'better', step, None)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=60)
    assert steps(tmp_path) == list(range(50))


# The logger


def test_the_logger_writes_events_to_the_file_and_to_tensorboard(folder, logger):
    logger.log_event("started", "Started: a | b_c *d*.", 0, 0.0, parameters=3)
    logger.log_event("new_best", "New best.", 5, 1.0)
    logger.log_event("stopped_early", "Stopped.", 9, 2.0)
    logger.finalize("success")
    assert [event["kind"] for event in read_events(folder)] == ["started", "new_best", "stopped_early"]
    texts = events_of(folder).Tensors("events/text_summary")
    assert [(text.step, text.tensor_proto.string_val[0].decode()) for text in texts] == [
        (0, r"Started: a \| b_c \*d\*."),
        (9, "Stopped."),
    ]


def test_an_event_without_a_step_belongs_to_the_latest_one(folder, logger):
    logger.log_metrics({"train/loss": 1.0}, 7)
    logger.log_event("failed", "It failed.")
    assert steps(folder) == [7]


def test_a_resumed_logger_cuts_events_as_it_cuts_rows(folder):
    logger = RunLogger(folder, "recipe")
    for step in (0, 5, 9):
        logger.log_event("new_best", "better", step, None)
    logger.finalize("failed")
    logger = RunLogger(folder, "recipe", resume_step=5)
    logger.log_event("resumed", "on", 5, None)
    logger.finalize("success")
    assert steps(folder) == [0, 5, 5]


def test_the_first_value_of_each_metric_that_is_not_finite_is_an_event_once(folder, logger):
    said = []
    logger.tell = said.append
    logger.log_metrics({"train/loss_step": 1.0, "epoch": 0.5}, 1)
    logger.log_metrics({"train/loss_step": math.nan, "epoch": 1.0}, 2)
    logger.log_metrics({"train/loss_step": math.nan, "val/loss": -math.inf, "val/r2": math.nan, "epoch": 1.5}, 3)
    logger.log_metrics({"val/loss": math.nan}, 4)
    advice = ": the training diverged, a smaller learning rate or scaled inputs may help"
    assert [
        (event["kind"], event["step"], event["epoch"], event["metric"], event["text"]) for event in read_events(folder)
    ] == [
        ("not_finite", 2, 1.0, "train/loss_step", f"Not finite: train/loss_step is NaN at step 2{advice}."),
        ("not_finite", 3, 1.5, "val/loss", "Not finite: val/loss is infinite at step 3."),
        ("not_finite", 3, 1.5, "val/r2", "Not finite: val/r2 is NaN at step 3."),
    ]
    assert said == [
        f"Not finite: train/loss_step is NaN at step 2{advice}.",
        "Not finite: val/loss is infinite, val/r2 is NaN at step 3.",
    ]


def test_a_resumed_run_says_again_only_what_was_cut_off(folder):
    logger = RunLogger(folder, "recipe")
    logger.log_metrics({"a": math.nan}, 2)
    logger.log_metrics({"b": math.nan}, 8)
    logger.finalize("failed")
    logger = RunLogger(folder, "recipe", resume_step=5)
    logger.log_metrics({"a": math.nan, "b": math.nan}, 9)
    logger.finalize("success")
    assert [(event["metric"], event["step"]) for event in read_events(folder)] == [("a", 2), ("b", 9)]
