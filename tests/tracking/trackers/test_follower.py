"""The follower sends until the run ends, survives every failure of the tracker, and keeps no secret."""

import shutil
import threading

import pytest

from dlcore.config.secrets import message_without_secrets
from dlcore.tracking.trackers.follower import follow
from dlcore.tracking.trackers.journal import Journal


@pytest.fixture
def ended():
    event = threading.Event()
    event.set()
    return event


def test_the_last_look_sends_the_rest(server, sender, ended, finish):
    finish()
    follow(sender(), ended)
    (run,) = server.runs
    assert server.runs[run]["close"] == ["FINISHED"]


def test_it_tries_again_until_the_server_answers(server, sender, finish):
    ended, server.fails = threading.Event(), ["open"] * 3
    one = sender()
    thread = threading.Thread(target=follow, args=(one, ended, 0.01))
    thread.start()
    try:
        deadline = threading.Event()
        for _ in range(1000):
            if "files" in server.calls:
                break
            deadline.wait(0.01)
        finish()
    finally:
        ended.set()
        thread.join(60)
    assert not thread.is_alive()
    assert server.calls.count("open") >= 4
    (run,) = server.runs
    assert server.runs[run]["close"] == ["FINISHED"]
    assert one.journal.error == ""


def test_what_failed_is_noted_once_without_the_password(run, server, sender, ended):
    server.fails = ["open"] * 2
    for _ in range(2):
        follow(sender(), ended)
    assert Journal(run, "mlflow").error == "ConnectionError: open refused: http://<hidden>@example.org"
    assert (run / "tracker" / "mlflow.jsonl").read_text().count("refused") == 1


def test_a_secret_of_the_environment_is_hidden_in_messages(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter22")
    assert message_without_secrets("key 0123456789abcdef, hunter22") == "key <hidden>, <hidden>"


def test_it_ends_with_the_folder_of_a_run_that_was_dropped(run, server, sender):
    one = sender()
    shutil.rmtree(run)
    follow(one, threading.Event())  # returns
    assert not run.exists()
