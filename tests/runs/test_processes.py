"""Processes: interrupted by real signals from outside, and two of them, which Lightning starts, on one run."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from few_clothes import draw_few
from world import World, wait_for

from dlcore.data import fashion_mnist

pytestmark = pytest.mark.process

SMALL = ("--data.val_size=100", "--data.batch_size=20", "--trainer.max_epochs=5000", "--trainer.accelerator=cpu")
LAST = "lightning_logs/mlp_fashion_mnist/version_0/checkpoints/last.ckpt"


def few_pictures(rank):
    """In a command's process: runs without FashionMNIST and without a network on any machine."""
    fashion_mnist.SYSTEM_FOLDER = Path("absent")
    fashion_mnist.FashionMNIST.prepare_data = lambda self: None
    fashion_mnist.draw_clothing = draw_few
    os.environ["XDG_CACHE_HOME"] = "cache"


def start(work, *words):
    """Start a command in a forked process of its own."""
    return World(work, [words], launcher=lambda *_: {}, before=few_pictures)


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.matrix), (signal.SIGTERM, 143)],
)
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, number, code):
    world = start(tmp_path, "fit", *SMALL, "--trainer.log_every_n_steps=5")
    table = wait_for(tmp_path, "lightning_logs/*/version_0/metrics.csv")
    os.kill(world.processes[0].pid, number)
    assert world.end() == [code], world.said()
    said = world.said()
    assert "Traceback" not in said
    step = torch.load(tmp_path / LAST, weights_only=True)["global_step"]
    assert f"at step {step:,}" in said
    assert f"Go on: python -m dlcore fit --ckpt_path {LAST}" in said
    # Going on takes up the same folder, and the very next step.
    again = start(tmp_path, "fit", "--ckpt_path=last", f"--trainer.max_steps={step + 10}")
    assert again.end() == [0], again.said()
    said = again.said()
    assert "version_1" not in said
    steps = [int(row["step"]) for row in csv.DictReader(table.read_text().splitlines())]
    assert steps == sorted(set(steps))
    assert torch.load(tmp_path / LAST, weights_only=True)["global_step"] == step + 10


@pytest.mark.fault(
    "SIGTERM while a run without checkpoints trains",
    "“Interrupted by SIGTERM: nothing was kept, since checkpoints are off.”; exit code 143",
)
def test_without_checkpoints_sigterm_is_no_success(tmp_path):
    world = start(tmp_path, "fit", *SMALL, "--checkpoint=off")
    wait_for(tmp_path, "lightning_logs/*/version_0/metrics.csv")
    os.kill(world.processes[0].pid, signal.SIGTERM)
    assert world.end() == [143], world.said()
    assert "nothing was kept, since checkpoints are off" in world.said()
    assert "Traceback" not in world.said()


# For two real processes, of which Lightning starts the second.
PROGRAM = """
import sys
from test_processes import few_pictures
few_pictures(0)
from dlcore.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.matrix  # beside README's two commands, the text commands and many_processes/
def test_two_processes_train_one_run(tmp_path):
    small = ("--data.val_size=101", "--data.batch_size=40", "--trainer.max_epochs=2", "--trainer.limit_train_batches=5")
    (tmp_path / "program.py").write_text(PROGRAM)
    unset = {name: value for name, value in os.environ.items() if name not in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")}
    paths = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        [sys.executable, "program.py", "fit", "--trainer.devices=2", "--trainer.accelerator=cpu", *small],
        cwd=tmp_path,
        env={**unset, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=150)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, said
    assert "2 processes" in said
    run = tmp_path / "lightning_logs" / "mlp_fashion_mnist" / "version_0"
    assert [folder.name for folder in run.parent.iterdir()] == ["version_0"]
    assert len(list(run.glob("events.out.tfevents.*"))) == 1
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows if row["val/loss"]] == [5, 10]
    # Each of the 101 validation samples was counted once: one process alone finds the same.
    alone = start(tmp_path, "validate", "--ckpt_path=last")
    assert alone.end() == [0], alone.said()
    said = alone.said()
    found = {line.split()[0]: float(line.split()[1]) for line in said.splitlines() if line.startswith("val/")}
    assert found["val/accuracy"] == pytest.approx(float(rows[-1]["val/accuracy"]), abs=5e-5)
    assert found["val/loss"] == pytest.approx(float(rows[-1]["val/loss"]), abs=1e-4)
