"""A run that goes on, or ended badly: the same curves, nothing lost, nothing twice."""

import itertools
import os
import signal
import subprocess
import sys

import pytest
import torch
from event_readers import TensorBoard, events_of, scalars
from forked import CONTEXT
from tensorboard.backend.event_processing import plugin_event_multiplexer

from dlcore.errors import ArgumentError
from dlcore.tracking import RunLogger, event_writer, read_metrics


def interrupted_run(folder):
    logger = RunLogger(folder, "recipe")
    logger.log_hyperparams({"lr": 0.1})
    for step in range(0, 100, 10):
        logger.log_metrics({"train/loss": float(step), "epoch": step // 50}, step)
        logger.log_histograms({"w": torch.ones(1)}, step)
    logger.log_metrics({"val/loss": 1.0, "epoch": 0}, 50)
    logger.log_metrics({"val/loss": 9.0, "epoch": 1}, 90)  # after the checkpoint, and never logged again
    logger.finalize("failed")


def test_resumed_run_goes_on_in_its_curves_from_its_step(folder):
    interrupted_run(folder)
    logger = RunLogger(folder, "recipe", resume_step=50)
    logger.log_hyperparams({"lr": 0.2})
    for step in (60, 70):
        logger.log_metrics({"train/loss": -float(step), "epoch": 1}, step)
    logger.finalize("success")
    assert scalars(folder, "train/loss") == [*((s, float(s)) for s in range(0, 51, 10)), (60, -60.0), (70, -70.0)]
    assert scalars(folder, "val/loss") == [(50, 1.0)]
    assert [event.step for event in events_of(folder).Histograms("w")] == list(range(0, 51, 10))
    table = read_metrics(folder)
    assert table["step"] == [0, 10, 20, 30, 40, 50, 60, 70]
    assert table["val/loss"] == [*[None] * 5, 1.0, None, None]
    board = TensorBoard(folder.parent)
    assert board.hparams() == {"version_3": ({"lr": 0.2}, {"train/loss": -70.0, "val/loss": 1.0}, "STATUS_SUCCESS")}
    assert board.charts() == [("loss", ["train/loss$", "val/loss$"])]


def test_second_resume_from_an_earlier_step(folder):
    interrupted_run(folder)
    for resume_step in (50, 20):
        logger = RunLogger(folder, "recipe", resume_step=resume_step)
        logger.log_metrics({"train/loss": -1.0}, resume_step + 5)
        logger.finalize("failed")
    assert scalars(folder, "train/loss") == [(0, 0.0), (10, 10.0), (20, 20.0), (25, -1.0)]
    assert read_metrics(folder)["step"] == [0, 10, 20, 25]
    assert TensorBoard(folder.parent).charts() == [("loss", ["train/loss$", "val/loss$"])]


@pytest.mark.parametrize("files", [0, 99], ids=["first", "hundredth"])
def test_a_tensorboard_that_is_already_open_forgets_the_old_points_too(folder, files, monkeypatch):
    monkeypatch.setattr(event_writer, "_NUMBERS", itertools.count(files))  # TensorBoard reads them in order of names
    interrupted_run(folder)
    events = plugin_event_multiplexer.EventMultiplexer().AddRun(str(folder), "run").Reload()
    assert [event.step for event in events.Tensors("run", "val/loss")] == [50, 90]
    logger = RunLogger(folder, "recipe", resume_step=50)
    logger.log_metrics({"train/loss": -1.0}, 60)
    logger.finalize("success")
    events.Reload()
    assert [event.step for event in events.Tensors("run", "val/loss")] == [50]
    assert [event.step for event in events.Tensors("run", "train/loss")] == [0, 10, 20, 30, 40, 50, 60]


def test_test_results_are_added_to_a_finished_run_and_take_nothing_away(folder):
    logger = RunLogger(folder, "recipe")
    logger.log_hyperparams({"lr": 0.1})
    for step in range(5):
        logger.log_metrics({"val/accuracy": 0.5}, step)
    logger.finalize("failed")
    for _ in range(2):
        logger = RunLogger(folder, "recipe")
        logger.log_hyperparams({"lr": 0.9})
        logger.log_metrics({"test/accuracy": 0.25}, 0)
        logger.finalize("success")
    assert len(scalars(folder, "val/accuracy")) == 5
    rows = TensorBoard(folder.parent).hparams()
    assert rows == {"version_3": ({"lr": 0.1}, {"val/accuracy": 0.5, "test/accuracy": 0.25}, "STATUS_FAILURE")}
    assert read_metrics(folder)["test/accuracy"] == [0.25, None, None, None, None]


def test_successful_test_does_not_make_a_killed_run_a_success(folder):
    logger = RunLogger(folder, "recipe")
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"val/accuracy": 0.5}, 1)
    logger._close()  # what is left of a process that ended without finalize
    logger = RunLogger(folder, "recipe")
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"test/accuracy": 0.5}, 1)
    logger.finalize("success")
    assert TensorBoard(folder.parent).hparams()["version_3"][2] == "STATUS_UNKNOWN"


def test_negative_resume_step_is_an_error(folder):
    with pytest.raises(ArgumentError, match="resume_step: expected a number at least 0, got -1"):
        RunLogger(folder, "recipe", resume_step=-1)


SCRIPT = """
import sys, torch
from dlcore.lazy_imports import import_lazily
import_lazily()
from dlcore.tracking import RunLogger
logger = RunLogger(sys.argv[1], "recipe")
for step in range(40):
    logger.log_metrics({"train/loss": 0.5, "epoch": 0}, step)
    logger.log_histograms({"w": torch.ones(3)}, step)
"""


@pytest.mark.process
@pytest.mark.fault(
    "A program ends without closing its logger",
    "all that was logged is there",
)
def test_interpreter_exit_without_finalize_loses_nothing(folder):
    # A long text keeps TensorBoard's own thread busy for a while.
    script = SCRIPT + "logger.log_text('t', 'x' * 2_000_000)\n"
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(scalars(folder, "train/loss")) == 40
    assert len(events_of(folder).Histograms("w")) == 40
    assert "t/text_summary" in events_of(folder).Tags()["tensors"]


def log_and_be_killed(folder):
    logger = RunLogger(folder, "recipe")
    for step in range(40):
        logger.log_metrics({"train/loss": 0.5, "epoch": 0}, step)
        logger.log_histograms({"w": torch.ones(3)}, step)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.process
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.fault(
    "SIGKILL while a run logs",
    "no row is lost, and its curves go on",
)
def test_kill_loses_no_row_and_the_run_can_be_resumed(folder):
    process = CONTEXT.Process(target=log_and_be_killed, args=(folder,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert read_metrics(folder)["step"] == list(range(40))
    logger = RunLogger(folder, "recipe", resume_step=19)
    logger.log_metrics({"train/loss": 0.25}, 20)
    logger.finalize("success")
    assert read_metrics(folder)["train/loss"] == [0.5] * 20 + [0.25]
    assert all(step <= 20 for step, _ in scalars(folder, "train/loss"))
