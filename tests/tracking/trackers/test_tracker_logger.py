"""The logger beside the run's own: it starts the follower, waits for it a little, and says what was not sent."""

import importlib.util
import json
import pickle

import pytest

from dlcore.errors import ArgumentError
from dlcore.runs import prepare
from dlcore.tracking import RunLogger
from dlcore.tracking.trackers import tracker_logger
from dlcore.tracking.trackers.tracker_logger import TrackerLogger


class Follower:
    """Stands in place of the process: it sends with the fake client when its input is closed, or hangs."""

    def __init__(self, sends=lambda: None, hangs=False):
        self.sends, self.hangs, self.pid, self.killed = sends, hangs, 0, False

    def communicate(self, word, timeout):
        assert word == b"end\n"
        if self.hangs:
            raise tracker_logger.subprocess.TimeoutExpired("follower", timeout)
        self.sends()

    def wait(self):
        pass

    def kill(self):
        self.killed = True


@pytest.fixture
def make(monkeypatch, run):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    started = []

    def make(follower):
        def start(command, **settings):
            started.append(command)
            return follower

        monkeypatch.setattr(tracker_logger.subprocess, "Popen", start)
        monkeypatch.setattr(tracker_logger.os, "killpg", lambda *args: follower.kill())
        return TrackerLogger("mlflow", RunLogger(run, "mlp")), started

    return make


def test_a_run_that_was_sent_ends_without_a_word(make, sender, finish):
    finish()
    logger, started = make(Follower(lambda: sender().send(ended=True)))
    logger.log_hyperparams({"lr": 0.1})
    logger.start()
    assert len(started) == 1
    logger.finalize("success")
    assert logger.address() == "http://example.org/run"


def test_what_was_not_sent_is_counted_with_the_reason_and_the_command(make, run, server, sender, finish, monkeypatch):
    finish()
    monkeypatch.chdir(run.parents[2])
    server.fails = ["rows"]

    def fail():
        one = sender()
        try:
            one.send(ended=True)
        except ConnectionError:
            one.journal.note_error("ConnectionError: refused")

    logger, _ = make(Follower(fail))
    logger.start()
    with pytest.warns(RuntimeWarning) as caught:
        logger.finalize("success")
    assert str(caught[0].message) == (
        "mlflow: not sent: 7 values, 2 events, 3 files (ConnectionError: refused). It is kept in the run's folder. "
        "To send it: python -m dlcore sync lightning_logs/mlp/version_3 --tracker mlflow"
    )


def test_a_follower_that_hangs_is_ended(make, finish):
    finish()
    logger, _ = make(follower := Follower(hangs=True))
    logger.start()
    with pytest.warns(RuntimeWarning, match=r"not sent: 7 values.*\(no answer within 5 seconds\)"):
        logger.finalize("success")
    assert follower.killed


def test_a_process_that_cannot_be_started_does_not_stop_the_training(make, monkeypatch):
    logger, _ = make(Follower())

    def refused(*args, **settings):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(tracker_logger.subprocess, "Popen", refused)
    with pytest.warns(RuntimeWarning, match="Resource temporarily unavailable"):
        logger.start()
    logger.log_metrics({"a": 1.0}, 1)


def test_settings_are_written_flat_and_without_secrets(make, run):
    logger, _ = make(Follower())
    logger.log_hyperparams({"model": {"class_path": "x.MLP", "init_args": {"width": 10, "api_key": "sk-1"}}})
    written = json.loads((run / "tracker" / "settings.json").read_text())
    assert written == {"model": "MLP", "model.width": 10, "model.api_key": "<hidden>"}


def test_it_can_be_sent_to_other_processes(make):
    logger, _ = make(Follower())
    logger._process = object()
    assert pickle.loads(pickle.dumps(logger))._process is None


@pytest.mark.parametrize("kind", ["tensorboard", ""])
def test_an_unknown_tracker_is_refused(kind, run):
    with pytest.raises(ArgumentError, match="kind: expected one of mlflow, swanlab, wandb"):
        TrackerLogger(kind, RunLogger(run))


# The flag


def refused(*words):
    with pytest.raises(ArgumentError) as caught:
        prepare("fit", *words)
    return str(caught.value)


@pytest.fixture
def missing(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "wandb" else find(name, *a))


def test_a_wrong_tracker_is_an_error_that_lists_them():
    assert refused("--tracker=mlfow") == "tracker: expected mlflow, swanlab, wandb or off, got 'mlfow'."


def test_a_package_that_is_missing_is_said_with_what_to_type(missing):
    said = refused("--tracker=wandb")
    assert "pip install 'dlcore[wandb]'" in said
    assert "--tracker off" in said


def test_a_tracker_needs_the_runs_folder(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: object())
    assert "trainer.logger false" in refused("--tracker=mlflow", "--trainer.logger=false")


@pytest.mark.parametrize("value", ["off", "null", "none"])
def test_it_can_be_switched_off(value, missing):
    assert prepare("fit", f"--tracker={value}").config["tracker"] is None
