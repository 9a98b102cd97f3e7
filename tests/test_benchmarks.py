"""The benchmarks run, in miniature, and find that dlcore learns what a loop by hand learns: each checks that itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

FOLDER = Path(__file__).parents[1] / "benchmarks"


def ask(question, *words):
    """What a benchmark says on one thread; it ends with an error where both sides did not learn the same."""
    command = [sys.executable, str(FOLDER / f"{question}.py"), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.real_data
def test_the_mlps_loop():
    said = ask("mlp_loop", "--batch_size=500", "--epochs=1", "--samples=5000", "--repeats=1")
    assert "weights bit-equal" in said
    assert [line.split()[0] for line in said.splitlines()[1:]] == ["wall"] * 5 + ["CPU"] * 5


@pytest.mark.real_data
def test_any_module():
    said = ask("any_module", "--batch_size=500", "--epochs=2", "--samples=2000", "--repeats=1")
    assert "weights bit-equal" in said
    assert said.count("times raw") == 3


@pytest.mark.real_data
def test_late_steps():
    said = ask("late_steps", "--batch_size=500", "--epochs=5", "--samples=2000")
    assert [line[:17].rstrip() for line in said.splitlines()[:3]] == ["dlcore", "raw", "raw, not flushed"]
    assert "weights bit-equal" in said


@pytest.mark.real_data
def test_two_processes():
    assert "weights bit-equal" in ask("ddp_loop", "--batch_size=500", "--epochs=2", "--samples=4000", "--repeats=1")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("cnn_step", ["--steps=4", "--batch_size=8"]),
        (
            "text_rnn_step",
            ["--steps=5", "--batch_size=4", "--sequence_length=8", "--hidden_size=16", "--vocab_size=50"],
        ),
        ("large_vocabulary", ["--steps=3", "--batch_size=64", "--hidden_size=8", "--vocab_size=9000"]),
    ],
)
def test_a_step(question, words):
    said = ask(question, *words, "--repeats=1")
    assert "bit-equal" in said or "apart" in said
