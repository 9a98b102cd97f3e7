"""The benchmarks run, in miniature, and find that dlcore learns what a loop by hand learns: each checks that itself."""

import os
import runpy
import sys
from pathlib import Path

import pytest
from forked import CONTEXT

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def ask(tmp_path):
    """What a benchmark says on one thread; it ends with an error where both sides did not learn the same."""

    def run(question, *words):
        script, said = str(FOLDER / f"{question}.py"), tmp_path / "said"
        process = CONTEXT.Process(target=carry_out, args=(script, words, said))
        process.start()
        process.join(240)
        process.kill()
        process.join()
        assert process.exitcode == 0, said.read_text(encoding="utf-8")
        return said.read_text(encoding="utf-8")

    return run


def carry_out(script, words, said):
    """What ``python script words`` does, in a process that has imported torch already."""
    import torch

    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.argv = [script, *words]
    sys.path.insert(0, str(FOLDER))
    runpy.run_path(script, run_name="__main__")


@pytest.mark.process
@pytest.mark.real_data
def test_the_mlps_loop(ask):
    said = ask("mlp_loop", "--batch_size=100", "--epochs=1", "--samples=1000", "--repeats=1")
    assert "weights bit-equal" in said
    assert [line.split()[0] for line in said.splitlines()[1:]] == ["wall"] * 5 + ["CPU"] * 5


@pytest.mark.matrix
@pytest.mark.real_data
def test_any_module(ask):
    said = ask("any_module", "--batch_size=500", "--epochs=2", "--samples=2000", "--repeats=1")
    assert "weights bit-equal" in said
    assert said.count("times raw") == 3


@pytest.mark.matrix
@pytest.mark.real_data
def test_late_steps(ask):
    said = ask("late_steps", "--batch_size=500", "--epochs=5", "--samples=2000")
    assert [line[:17].rstrip() for line in said.splitlines()[:3]] == ["dlcore", "raw", "raw, not flushed"]
    assert "weights bit-equal" in said


@pytest.mark.matrix
@pytest.mark.real_data
def test_two_processes(ask):
    assert "weights bit-equal" in ask("ddp_loop", "--batch_size=500", "--epochs=2", "--samples=4000", "--repeats=1")


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("cnn_step", ["--steps=4", "--batch_size=8"]),
        (
            "text_rnn_step",
            ["--steps=5", "--batch_size=4", "--sequence_length=8", "--hidden_size=16", "--vocab_size=50"],
        ),
        ("large_vocabulary", ["--steps=3", "--batch_size=32", "--hidden_size=8", "--vocab_size=9000"]),
    ],
)
def test_a_step(ask, question, words):
    said = ask(question, *words, "--repeats=1")
    assert "bit-equal" in said or "apart" in said


@pytest.mark.matrix
def test_generation(ask):
    said = ask("generation", "--length=4", "--hidden_size=16", "--vocab_size=100", "--repeats=1")
    assert said.count("tokens a second") == 3
    assert said.count("of the speed of the float") == 6
