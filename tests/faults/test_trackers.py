"""A tracker that is dead, hangs or refuses never stops a fit, and gets everything in the end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from forked_command import FIT, command, fork_workers

RUN = Path("lightning_logs/mlp_table_binary/version_0")
KEY = "0123456789abcdef0123"
# Stands in place of W&B's package: it writes down what it is given, or fails.
PACKAGE = """
import json, os, time
from pathlib import Path

def note(**facts):
    with open(os.environ["STUB_OUT"], "a") as file:
        file.write(json.dumps(facts) + "\\n")

def Settings(**settings): pass
def Image(path): return Path(path).name

class Artifact:
    def __init__(self, name, type): self.type = type
    def add_file(self, path, policy): self.path = Path(path).name

class Run:
    offline, url = True, None
    define_metric = lambda self, *args, **settings: None
    log = lambda self, values: note(log=values)
    log_artifact = lambda self, artifact: note(file=artifact.path)
    save = lambda self, path, base_path, policy: note(file=Path(path).name)
    finish = lambda self, exit_code: note(finish=exit_code)
    update = lambda self, settings, allow_val_change: note(settings=settings)

def init(**settings):
    how = os.environ.get("STUB_DOES", "")
    if how == "dead":
        raise ConnectionError(f"the server refused the key {os.environ['WANDB_API_KEY']}")
    if how == "hangs":
        note(hangs=os.getpid())
        time.sleep(600)
    note(project=settings["project"], name=settings["name"], id=settings["id"])
    run = Run()
    run.id, run.config = settings["id"], run
    return run
"""


@pytest.fixture
def does(work):
    """The environment of a command whose tracker works, is dead or hangs."""
    (work / "stub").mkdir()
    (work / "stub" / "wandb.py").write_text(PACKAGE)
    path = os.pathsep.join(filter(None, [str(work / "stub"), os.environ.get("PYTHONPATH")]))
    common = {"PYTHONPATH": path, "STUB_OUT": str(work / "sent.jsonl"), "WANDB_API_KEY": KEY}
    return lambda how="": {**common, "STUB_DOES": how}


def with_stub(patience: float = 60.0, study: bool = False) -> None:
    """In a command: find the package, and wait long for a slow machine."""
    from dlcore.tracking.trackers import tracker_logger

    sys.path.insert(0, "stub")
    tracker_logger._PATIENCE = patience
    if study:
        fork_workers()


def sent(work: Path) -> list[dict[str, Any]]:
    path = work / "sent.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def steps(work: Path, metric: str) -> list[int]:
    logs = [each["log"] for each in sent(work) if "log" in each]
    return [each["trainer/global_step"] for each in logs if metric in each]


def facts(work: Path, name: str) -> list[Any]:
    return [each[name] for each in sent(work) if name in each]


def check_complete(work: Path) -> None:
    """Each value was sent once, with the files and the end."""
    rows = [int(line.partition(",")[0]) for line in (work / RUN / "metrics.csv").read_text().splitlines()[1:]]
    assert Counter(steps(work, "epoch")) == Counter(rows)
    assert {"best.ckpt", "config.yaml", "summary.md"} <= {*facts(work, "file")}
    assert facts(work, "finish")[-1] == 0


def test_a_run_is_sent_and_a_resumed_one_goes_on(work, does):
    ended = command(work, *FIT, "--tracker=wandb", before=(with_stub,), environment=does())
    ended.check(0, "tracker wandb: wandb sync lightning_logs/mlp_table_binary/version_0/tracker/wandb/offline-run-*")
    assert "not sent" not in ended.said
    check_complete(work)
    assert facts(work, "project") == ["mlp_table_binary"]
    assert facts(work, "settings")[0]["trainer.max_epochs"] == 3
    command(work, "fit", "--ckpt_path=last", "--trainer.max_epochs=4", before=(with_stub,), environment=does()).check(0)
    check_complete(work)
    assert len(set(facts(work, "id"))) == 1
    kept = [path for path in (work / RUN).rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert kept == []


@pytest.mark.fault(
    "a tracker whose server is dead or refuses the key, during the whole fit",
    "the fit ends well; “wandb: not sent: 45 values, … To send it: python -m dlcore sync …”, which sends it later",
)
def test_a_dead_server_costs_nothing_and_gets_all_later(work, does):
    ended = command(work, *FIT, "--tracker=wandb", before=(with_stub,), environment=does("dead"))
    ended.check(0, "wandb: not sent: ", "ConnectionError: the server refused the key <hidden>")
    assert KEY not in ended.said
    assert sent(work) == []
    words = ended.said.partition("To send it: python -m dlcore ")[2].split()[:4]
    failed = command(work, *words, before=(with_stub,), environment=does("dead"))
    failed.check(2, "wandb did not take the run: ConnectionError", "the same command sends the rest")
    command(work, *words, before=(with_stub,), environment=does()).check(0, "wandb: ")
    check_complete(work)
    command(work, *words, before=(with_stub,), environment=does()).check(0, "nothing was missing")
    check_complete(work)


@pytest.mark.fault(
    "a tracker that never answers", "the fit waits 5 seconds at its end; what was not sent, and how to send it"
)
def test_a_tracker_that_hangs_is_left_behind(work, does):
    ended = command(work, *FIT, "--tracker=wandb", before=(with_stub, 10.0), environment=does("hangs"))
    ended.check(0, "wandb: not sent: ", "no answer within")
    for process in facts(work, "hangs"):
        assert not Path(f"/proc/{process}").exists()
    command(work, "sync", before=(with_stub,), environment=does()).check(0)
    check_complete(work)


def kill_when_sending() -> None:
    """In a command: wait until the tracker has a value, and kill this process."""
    end = time.monotonic() + 50
    while time.monotonic() < end and not steps(Path(), "epoch"):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.fault(
    "SIGKILL of a fit with a tracker", "the tracker gets all that was logged, and the end of the run: killed"
)
def test_a_killed_run_is_sent_to_its_last_row(work, does):
    words = (*FIT, "--tracker=wandb", "--trainer.max_epochs=50")
    ended = command(work, *words, before=(with_stub,), at_step=(9, kill_when_sending), environment=does())
    assert ended.code == -signal.SIGKILL
    end = time.monotonic() + 60
    while time.monotonic() < end and not facts(work, "finish"):
        time.sleep(0.05)
    assert facts(work, "finish") == [1]
    rows = [int(line.partition(",")[0]) for line in (work / RUN / "metrics.csv").read_text().splitlines()[1:]]
    assert steps(work, "epoch") == rows


@pytest.mark.fault(
    "SIGTERM while a run with a tracker trains", "the state is saved, and the tracker has all, as for any end"
)
def test_a_run_that_is_ended_from_outside_is_sent(work, does):
    at = (5, os.kill, 0, signal.SIGTERM)
    ended = command(work, *FIT, "--tracker=wandb", before=(with_stub,), at_step=at, environment=does())
    ended.check(143, "The state is in lightning_logs/")
    assert facts(work, "finish") == [1]
    assert any("event/interrupted" in each["log"] for each in sent(work) if "log" in each)
    command(work, "fit", "--ckpt_path=last", before=(with_stub,), environment=does()).check(0)
    check_complete(work)


def test_a_run_that_ends_before_its_first_step_leaves_nothing(work, does):
    words = (*FIT, "--tracker=wandb", "--data.target=absent")
    ended = command(work, *words, before=(with_stub,), environment=does())
    ended.check(2, "absent")
    assert "not sent" not in ended.said
    assert sent(work) == []
    time.sleep(2)  # the follower is of a run whose folder is gone
    assert [*work.glob("lightning_logs/*/*")] == []


def test_each_variant_of_a_study_is_a_run_of_its_experiment(work, does):
    words = ["study", *FIT[1:], "--vary=model.dropout=0,0.5", "--tracker=wandb", "--jobs=1"]
    command(work, *words, before=(with_stub, 60.0, True), environment=does(), seconds=120).check(0)
    assert set(facts(work, "project")) == {"study_mlp_table_binary_dropout"}
    assert len(set(facts(work, "name"))) == len(set(facts(work, "id"))) == 2
    assert facts(work, "finish") == [0, 0]
    ended = command(work, "sync", "study_mlp_table_binary_dropout", before=(with_stub,), environment=does())
    ended.check(0, "nothing was missing")


@pytest.mark.fault("`sync` of what is no run, or was sent to no tracker", "a line that says what to type")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sync", "nowhere"], "nowhere: there is no such run"),
        (["sync", "stub"], "stub: holds no run that has logged a metric"),
        (["sync", "--tracker=mlfow"], "--tracker: expected mlflow or swanlab or wandb, got 'mlfow'"),
        (["sync", "--model.dropout=1"], "sync: expected runs and --tracker"),
        (["sync"], "There is no run in lightning_logs/ yet"),
    ],
)
def test_what_cannot_be_synchronised_is_said_in_a_line(work, does, words, said):
    command(work, *words, before=(with_stub,), environment=does()).check(2, said)
