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
    (tmp_path / "研究.yaml").write_text(TEXT, encoding="utf-8")
    return tmp_path


def start(work, *words, **settings):
    root = str(Path(dlcore.__file__).parents[1])
    env = os.environ | {"PYTHONPATH": root, "COLUMNS": "110", "XDG_CACHE_HOME": str(work / "cache")}
    command = [sys.executable, "-m", "dlcore", "study", *words]
    return subprocess.Popen(
        command,
        cwd=work,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Tests that run in a shell's background would else hand on that Ctrl-C is to be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **settings,
    )


def study(work, *words):
    process = start(work, *words)
    out, err = process.communicate(timeout=250)
    return process.returncode, out, err


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
    code, out, err = study(work, "研究.yaml")
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
    long = ("研究.yaml", "--trainer.max_epochs", "25", "--jobs", "1")
    process = start(work, *long, start_new_session=True)
    try:
        deadline = time.monotonic() + 200
        second = work / "lightning_logs" / "study_研究" / "慢" / "seed_0"
        while not (second / "checkpoints" / "last.ckpt").is_file() and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    time.sleep(1.5)  # the orphan notices and ends
    left = records(work)
    assert (left["快_0.1/seed_0"]["status"], left["慢/seed_0"]["status"]) == ("done", "running")
    first = (second.parents[1] / "快_0.1" / "seed_0" / "metrics.csv").stat().st_mtime_ns
    code, out, err = study(work, *long)
    assert (code, err) == (0, "")
    assert "1 run to do, 1 of them from where it stopped, 1 done before" in out
    after = records(work)
    assert sorted(after) == ["快_0.1/seed_0", "慢/seed_0"]
    assert (after["慢/seed_0"]["status"], after["慢/seed_0"]["epochs"]) == ("done", 25)
    assert (second.parents[1] / "快_0.1" / "seed_0" / "metrics.csv").stat().st_mtime_ns == first


@pytest.mark.fault(
    "Ctrl-C in a study",
    "“Interrupted. What is done is kept in …; the same command goes on.”; no process is left",
)
def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(work):
    process = start(work, "研究.yaml", "--trainer.max_epochs", "5000", start_new_session=True)
    folder = work / "lightning_logs" / "study_研究"
    deadline = time.monotonic() + 200
    while len(list(folder.glob("*/*/checkpoints/last.ckpt"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("dlcore: Interrupted. What is done is kept in lightning_logs/study_")
    assert "Traceback" not in out + err
    assert ended(process.pid)


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
    process = start(work, "研究.yaml", "--trainer.max_epochs", "1", "--allow", "deadly")
    out, err = process.communicate(timeout=250)
    assert process.returncode == 1, err
    found = {name: record["status"] for name, record in records(work).items()}
    assert found == {"快_0.1/seed_0": "failed", "慢/seed_0": "done"}
    assert "Its process died" in out
