"""Real processes: interrupted by real signals, and several of them on one run."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.process

# Runs without FashionMNIST and without a network on any machine: pictures that dlcore draws itself.
PROGRAM = """
import sys
from pathlib import Path
from dlcore.data import fashion_mnist
fashion_mnist.SYSTEM_FOLDER = Path("absent")
fashion_mnist.FashionMNIST.prepare_data = lambda self: None
from dlcore.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start the command line in a process of its own, in a folder of its own."""
    (tmp_path / "program.py").write_text(PROGRAM)
    processes = []

    def run(*words: str) -> subprocess.Popen:
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
        for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
            environment.pop(name, None)
        process = subprocess.Popen(
            [sys.executable, "program.py", *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(path: Path, pattern: str, seconds: float = 90) -> Path:
    """Wait until a file is there and has something in it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for found in path.glob(pattern):
            if found.stat().st_size:
                return found
        time.sleep(0.1)
    raise TimeoutError(pattern)


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.matrix), (signal.SIGTERM, 143)],
)
def test_a_signal_saves_and_says_how_to_go_on(start, tmp_path, number, code):
    process = start("fit", "--trainer.max_epochs=500", "--data.batch_size=20", "--trainer.log_every_n_steps=5")
    table = wait_for(tmp_path, "lightning_logs/*/version_0/metrics.csv")
    time.sleep(0.5)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    last = tmp_path / "lightning_logs" / "mlp_fashion_mnist" / "version_0" / "checkpoints" / "last.ckpt"
    step = torch.load(last, weights_only=True)["global_step"]
    assert f"at step {step:,}" in said
    assert (
        "Go on: python -m dlcore fit --ckpt_path lightning_logs/mlp_fashion_mnist/version_0/checkpoints/last.ckpt"
        in said
    )
    # Going on takes up the same folder, and the very next step.
    again = start("fit", "--ckpt_path=last", f"--trainer.max_steps={step + 10}")
    said, _ = again.communicate(timeout=90)
    assert again.returncode == 0, said
    assert "version_1" not in said
    steps = [int(row["step"]) for row in csv.DictReader(table.read_text().splitlines())]
    assert steps == sorted(set(steps))
    assert torch.load(last, weights_only=True)["global_step"] == step + 10


@pytest.mark.fault(
    "SIGTERM while a run without checkpoints trains",
    "“Interrupted by SIGTERM: nothing was kept, since checkpoints are off.”; exit code 143",
)
def test_without_checkpoints_sigterm_is_no_success(start, tmp_path):
    process = start("fit", "--trainer.max_epochs=500", "--data.batch_size=20", "--checkpoint=off")
    wait_for(tmp_path, "lightning_logs/*/version_0/metrics.csv")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "nothing was kept, since checkpoints are off" in said
    assert "Traceback" not in said


def test_two_processes_train_one_run(start, tmp_path):
    small = (
        "--data.val_size=1001",
        "--data.batch_size=40",
        "--trainer.max_epochs=2",
        "--trainer.limit_train_batches=20",
    )
    process = start("fit", "--trainer.devices=2", "--trainer.accelerator=cpu", *small)
    said, _ = process.communicate(timeout=150)
    assert process.returncode == 0, said
    assert "2 processes" in said
    run = tmp_path / "lightning_logs" / "mlp_fashion_mnist" / "version_0"
    assert [folder.name for folder in run.parent.iterdir()] == ["version_0"]
    assert len(list(run.glob("events.out.tfevents.*"))) == 1
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows if row["val/loss"]] == [20, 40]
    # Each of the 1,001 validation samples was counted once: one process alone finds the same.
    alone = start("validate", "--ckpt_path=last")
    said, _ = alone.communicate(timeout=90)
    found = {line.split()[0]: float(line.split()[1]) for line in said.splitlines() if line.startswith("val/")}
    assert found["val/accuracy"] == pytest.approx(float(rows[-1]["val/accuracy"]), abs=5e-5)
    assert found["val/loss"] == pytest.approx(float(rows[-1]["val/loss"]), abs=1e-4)
