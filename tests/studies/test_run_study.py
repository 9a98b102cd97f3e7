"""Whole studies of tiny runs, in real processes: what is shown, kept, gone on with, repeated."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked_command import beside, command, fork_workers, until_there

import dlcore

pytestmark = pytest.mark.process

TEXT = """# 一个小研究.
title: 小研究 <table>
recipe: mlp_table_binary
settings: {trainer.max_epochs: 2, parameter_distribution: off, early_stopping: off}
variants:
  快 0.1: {model.optimizer.lr: 0.1}
  慢: {model.optimizer.lr: 0.00001}
claims:
  - says: 快 learns & 慢 does not.
    holds: accuracy("快 0.1") > 0.8 and train_loss("慢") > train_loss("快 0.1")
    textbook: 85% <b>
    why_not: told only where it is contradicted
  - says: The opposite.
    holds: accuracy("快 0.1") < 0.2
    why_not: it learns within 2 epochs
"""


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "研究.yaml").write_text(TEXT, encoding="utf-8")
    return folder


def study(work, *words):
    """What the command does, whose processes are forked off it."""
    ended = command(work, "study", *words, before=(ready,), seconds=250)
    assert "Traceback" not in ended.err, ended
    return ended.code, ended.out, ended.err


def real_study(work, *words):
    """The same of a real interpreter, whose processes are joblib's: each imports what it needs."""
    root = str(Path(dlcore.__file__).parents[1])
    env = os.environ | {"PYTHONPATH": root, "COLUMNS": "110", "XDG_CACHE_HOME": str(work / "cache")}
    words = [sys.executable, "-m", "dlcore", "study", *words]
    done = subprocess.run(words, cwd=work, env=env, text=True, capture_output=True, timeout=250, check=False)
    return done.returncode, done.stdout, done.stderr


def begin(work, *words):
    """Begin such a command: what gives its pid, and what waits for its end."""
    end = beside(work, "study", *words, before=(begun,), seconds=250)
    until_there(work / "pid", 60)
    return int((work / "pid").read_text()), end


def ready():
    sys.path.insert(0, "")  # as behind ``python -m``
    fork_workers()


def begun():
    ready()
    Path("pid.new").write_text(str(os.getpid()))
    Path("pid.new").rename("pid")


def ended(group):
    """Whether all processes of a group end within ten seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def records(work):
    paths = sorted((work / "lightning_logs" / "study_研究").glob("*/*/study_run.json"))
    return {str(path.parent.relative_to(path.parents[2])): json.loads(path.read_text()) for path in paths}


def check_report(text):
    """It loads nothing from anywhere, and shows names as they are."""
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text) == []
    assert not re.search(r"https?://|@import|url\(", text)
    assert "data:image/png;base64," in text
    for shown in ("小研究 &lt;table&gt;", "快 learns &amp; 慢 does not.", "85% &lt;b&gt;", '<meta charset="utf-8">'):
        assert shown in text


def test_a_study_is_trained_drawn_judged_and_not_repeated(work):
    code, out, err = real_study(work, "研究.yaml")
    assert (code, err) == (0, "")
    folder = work / "lightning_logs" / "study_研究"
    assert {name: record["status"] for name, record in records(work).items()} == {
        "快_0.1/seed_0": "done",
        "慢/seed_0": "done",
    }
    # TensorBoard shows a run a variant.
    assert {path.parent.name for path in folder.glob("*/seed_0/events.*")} == {"seed_0"}
    assert (folder / "慢" / "seed_0" / "checkpoints" / "best.ckpt").is_file()
    assert re.search(r"CONFIRMED +快 learns & 慢 does not\.", out)
    assert re.search(r"CONTRADICTED +The opposite\.", out)
    assert "why: it learns within 2 epochs" in out
    assert "told only where" not in out
    assert "one seed: chance is not measured" in out
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert [claim["verdict"] for claim in results["claims"]] == ["CONFIRMED", "CONTRADICTED"]
    assert results["runs"][0]["epochs"] == 2
    assert [run["folder"] for run in results["runs"]] == ["快_0.1/seed_0", "慢/seed_0"]
    assert (folder / "results.csv").read_text(encoding="utf-8").startswith("variant,seed,parameters,epochs,steps")
    check_report((folder / "report.html").read_text(encoding="utf-8"))
    assert "Why: it learns within 2 epochs" in (folder / "report.html").read_text(encoding="utf-8")
    assert "What was found in each" in (folder / "report.html").read_text(encoding="utf-8")
    before = {name: record["seconds"] for name, record in records(work).items()}

    code, out, _ = study(work, "研究.yaml")
    assert code == 0
    assert "all 2 runs are done" in out
    assert "CONFIRMED" in out
    assert {name: record["seconds"] for name, record in records(work).items()} == before

    # Other settings are other runs, beside those that are there; a failed variant does not stop the others.
    changed = TEXT.replace("model.optimizer.lr: 0.1}", "model.optimizer.lr: 0.1, model.dropout: 7}")
    (work / "研究.yaml").write_text(changed, encoding="utf-8")
    code, out, err = study(work, "研究.yaml", "--trainer.max_epochs", "1")
    assert code == 1
    assert "快 0.1, seed 0: failed: model.dropout: expected a number at least 0 and below 1, got 7" in out
    assert sorted(records(work)) == ["快_0.1/seed_0", "慢/seed_0", "慢/seed_0_2"]
    assert re.search(r"INCONCLUSIVE +快 learns", out)
    assert "no finished run has this value" in " ".join(out.split())
    assert "FAILED" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.fault(
    "A study is killed with the run that it trains (SIGKILL)",
    "the same command goes on: “1 of them from where it stopped, 1 done before”",
)
def test_a_study_that_is_killed_goes_on_where_it_stopped(work):
    # One run at a time: the first ends, the second is killed in the middle, with the process that waits for it.
    long = ("研究.yaml", "--trainer.max_epochs", "40", "--jobs", "1")
    pid, end = begin(work, *long)
    second = work / "lightning_logs" / "study_研究" / "慢" / "seed_0"
    until_there(second / "checkpoints" / "last.ckpt", 200)
    os.kill(pid, signal.SIGKILL)
    assert end().code == -signal.SIGKILL
    assert ended(pid)  # the orphan notices
    left = records(work)
    assert (left["快_0.1/seed_0"]["status"], left["慢/seed_0"]["status"]) == ("done", "running")
    first = (second.parents[1] / "快_0.1" / "seed_0" / "metrics.csv").stat().st_mtime_ns
    code, out, err = study(work, *long)
    assert (code, err) == (0, "")
    assert "1 run to do, 1 of them from where it stopped, 1 done before" in out
    after = records(work)
    assert sorted(after) == ["快_0.1/seed_0", "慢/seed_0"]
    assert (after["慢/seed_0"]["status"], after["慢/seed_0"]["epochs"]) == ("done", 40)
    assert (second.parents[1] / "快_0.1" / "seed_0" / "metrics.csv").stat().st_mtime_ns == first


@pytest.mark.fault(
    "Ctrl-C in a study",
    "“Interrupted. What is done is kept in …; the same command goes on.”; no process is left",
)
def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(work):
    pid, end = begin(work, "研究.yaml", "--trainer.max_epochs", "5000")
    folder = work / "lightning_logs" / "study_研究"
    deadline = time.monotonic() + 200
    while len(list(folder.glob("*/*/checkpoints/last.ckpt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(pid, signal.SIGINT)  # what a terminal does
    left = end()
    left.check(130)
    assert left.err.strip().splitlines()[-1].startswith("dlcore: Interrupted. What is done is kept in lightning_logs/")
    assert ended(pid)


@pytest.mark.fault(
    "A process of a study dies",
    "“Its process died …” of that run; the others end well",
)
def test_a_process_that_dies_is_a_failure_of_its_run_alone(work):
    (work / "deadly.py").write_text(
        "import os\nfrom dlcore.models import MLP\n\n\nclass Deadly(MLP):\n    def forward(self, inputs):\n"
        "        if self.training:\n            os._exit(9)\n        return super().forward(inputs)\n"
    )
    text = TEXT.replace("{model.optimizer.lr: 0.1}", "{model: deadly.Deadly}")
    (work / "研究.yaml").write_text(text, encoding="utf-8")
    code, out, err = study(work, "研究.yaml", "--trainer.max_epochs", "1", "--allow", "deadly")
    assert code == 1, err
    found = {name: record["status"] for name, record in records(work).items()}
    assert found == {"快_0.1/seed_0": "failed", "慢/seed_0": "done"}
    assert "Its process died" in out
