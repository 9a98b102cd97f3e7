"""The command that says why a run went as it did, and the lines at the end of a fit."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import dlcore
from dlcore.cli.explain import SUBJECT
from dlcore.cli.main import main
from dlcore.tracking import MetricsCsv

FIT = ("fit", "-c", "mlp_textbook", "--trainer.accelerator=cpu", "--progress_display=off", "--trainer.max_epochs=3")


def write_curves(folder, losses):
    folder.mkdir(parents=True)
    table = MetricsCsv(folder / "metrics.csv")
    for epoch, (train, val) in enumerate(losses, start=1):
        table.write({"epoch": epoch, "train/loss": train, "val/loss": val}, 10 * epoch)
    return folder


@pytest.fixture
def overfitted(workplace):
    losses = [(1.0, 1.0), (0.8, 0.9), (0.5, 0.8), (0.3, 0.9), (0.2, 1.1), (0.1, 1.3)]
    return write_curves(workplace / "lightning_logs" / "mine" / "version_0", losses)


def test_a_run_is_told_what_is_wrong_and_what_to_type(shown):
    shown(*FIT, "--data.scale=1")
    out, code = shown("explain")
    assert code == 0
    assert "What is wrong unscaled input the inputs are large (mean " in out
    assert "try: --data.scale 255" in out
    assert "What follows from it dead units" in out
    command = "fit -c lightning_logs/mlp_textbook/version_0/config.yaml --data.scale 255"
    assert out.endswith(f"Next python -m dlcore {command}")
    # What is printed can be typed, and mends the run.
    assert shown(*shlex.split(command))[1] == 0
    assert "unscaled input" not in shown("explain", "mlp_textbook/version_1")[0]


def test_the_end_of_a_fit_says_it_too(shown):
    out, _ = shown(*FIT, "--data.scale=1")
    assert "findings unscaled input (" in out
    assert "try: --data.scale 255" in out
    assert "python -m dlcore explain lightning_logs/mlp_textbook/version_0" in out
    out, _ = shown(*FIT, "--model.optimizer=Adam", "--model.optimizer.lr=0.001")
    assert "findings nothing wrong was found: validation improved until epoch" in out
    assert "dlcore explain" not in out


def test_a_run_without_looks_at_its_layers_says_how_to_have_them(shown, overfitted):
    out, code = shown("explain", "mine/version_0")
    assert code == 0
    assert "overfitting since epoch 3 the validation loss has risen from 0.8 to 1.3" in out
    assert "Without layers.csv" in out
    assert "--parameter_distribution on" in out
    assert "Without config.yaml" in out
    assert "Next" not in out  # without a config there is no command to repeat
    assert "try: more data" in out


def test_json_has_a_line_a_run_with_all_numbers(workplace, overfitted, capsys):
    write_curves(workplace / "other", [(1.0, 1.0), (float("nan"), 1.0)])
    assert main(["explain", str(overfitted), "other", "--json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["faults"][0]["name"] == "overfitting"
    assert first["faults"][0]["numbers"]["lowest"] == 0.8
    assert first["faults"][0]["step"] == 30
    assert second["faults"][0]["name"] == "not_finite"
    assert second["run"] == "other"


def test_the_newest_run_is_the_one_written_to_last(shown, workplace):
    for version, age in ((0, 10), (1, 20)):
        folder = write_curves(workplace / "lightning_logs" / "mine" / f"version_{version}", [(1.0, 1.0), (0.5, 0.5)])
        time = (folder / "metrics.csv").stat().st_mtime - age
        os.utime(folder / "metrics.csv", (time, time))
    assert "mine/version_0" in shown("explain")[0]


def test_mistakes_are_told_in_a_line(error, workplace):
    assert "There is no run in lightning_logs/ yet" in error("explain")
    folder = Path("lightning_logs/mine/version_0")
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    assert "No run in lightning_logs/ has logged a metric. Log more often" in error("explain")
    assert "there is no such run" in error("explain", "mine/version_7")
    assert "expected runs and --json" in error("explain", "--data.scale", "255")
    (workplace / "empty").mkdir()
    assert "expected a run's folder" in error("explain", "empty")


def test_help_says_what_it_takes(shown):
    out, code = shown("explain", "--help")
    assert code == 0
    assert SUBJECT.summary in out


@pytest.mark.process
def test_it_answers_without_torch(workplace, overfitted):
    code = (
        "from dlcore.cli.main import main; main(['explain']); import sys; "
        "sys.exit(', '.join({'torch', 'matplotlib', 'lightning', 'jsonargparse'} & set(sys.modules)) or None)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(dlcore.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], cwd=workplace, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "overfitting" in done.stdout
