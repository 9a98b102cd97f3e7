"""Threshold and temperature: chosen by test, kept in the checkpoint, applied by predict, of no account to a fit."""

import csv
import shutil

import pytest
import torch

from dlcore.cli.main import main
from dlcore.config.request import read_request
from dlcore.errors import ArgumentError, CheckpointError
from dlcore.models import MLP
from dlcore.runs import fit, predict
from dlcore.runs import test as evaluate
from dlcore.runs.decision import KEY, Decision, DecisionRequest, kept_decision
from dlcore.runs.predictions import write_predictions


def asked(*words):
    return DecisionRequest.of(read_request(["test", "--ckpt_path=best", *words]))


def test_flags_with_and_without_a_value():
    assert asked() == DecisionRequest()
    assert asked("--threshold", "--calibrate") == DecisionRequest("f1", True)
    assert asked("--threshold=balanced_accuracy", "--calibrate=off") == DecisionRequest("balanced_accuracy", False)
    assert asked("--threshold", "0.3").threshold == "0.3"
    assert asked("--threshold", "off").threshold == "off"


@pytest.mark.parametrize("word", ["--threshold=1.5", "--threshold=f2", "--threshold=nan", "--calibrate=3"])
def test_other_values_are_refused(word):
    with pytest.raises(ArgumentError, match=word.split("=")[0]):
        asked(word)


@pytest.mark.parametrize(
    "kept",
    [
        "text", {"temperature": "1"}, {"temperature": 0.0}, {"temperature": float("nan")}, {"threshold": 2.0},
        {"chosen_by": "luck"}, {"other": 1}, {"error_before": "much"}, {"samples": None},
    ],
)  # fmt: skip
def test_an_entry_of_another_kind_is_refused(kept):
    with pytest.raises(CheckpointError, match="expected a temperature and a threshold"):
        kept_decision({KEY: kept}, None, MLP([], in_features=2, num_classes=2))


def test_predictions_have_the_temperature():
    model = MLP([], in_features=2, num_classes=3)
    scores = torch.tensor([[2.0, 0.0, -2.0]])
    kept_decision({KEY: {"temperature": 2.0}}, None, model)
    assert torch.allclose(model.task.predict(scores), (scores / 2).softmax(dim=1))
    binary = MLP([], in_features=2, task="binary")
    kept_decision({KEY: {"temperature": 4.0}}, None, binary)
    assert torch.allclose(binary.task.predict(scores[:, :1])[0, 1], torch.tensor(0.5).sigmoid())


def test_an_answer_needs_more_than_the_threshold():
    shares = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]]).numpy()
    assert Decision().classes(shares).tolist() == [0, 0, 1]
    assert Decision(threshold=0.3).classes(shares).tolist() == [0, 1, 1]


# Whole commands

TABLE = ("-c", "mlp_table_binary", "--progress_display=off", "--trainer.log_every_n_steps=1")


@pytest.fixture
def rare(workplace):
    """A run on a table of 600 rows, of which 1 in 20 is of the second class."""
    rows = [f"{(n * 37 % 101) / 100},{'yes' if n % 20 == 0 else 'no'}" for n in range(600)]
    rows = [row if "no" in row else f"{0.7 + n % 7 / 10},yes" for n, row in enumerate(rows)]
    (workplace / "rare.csv").write_text("\n".join(["x,sick", *rows]) + "\n")
    return fit(*TABLE, "--data.path=rare.csv", "--data.target=sick", "--trainer.max_epochs=3")


def content(run):
    return torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)


def test_what_was_chosen_is_kept_and_applied(rare, capsys):
    file = rare.folder / "checkpoints" / "last.ckpt"
    before, time = content(rare), file.stat().st_mtime_ns
    assert main(["test", "--ckpt_path", str(file), "--threshold", "--calibrate"]) == 0
    said = capsys.readouterr().out
    assert "has the best F1 on" in said
    assert "fitted on the validation samples" in said
    after = content(rare)
    kept = after.pop(KEY)
    assert kept["threshold"] < 0.5
    assert kept["temperature"] != 1
    assert kept["error_after"] <= kept["error_before"]
    assert file.stat().st_mtime_ns == time  # which run is the newest does not change
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after["state_dict"][name]) for name, value in before["state_dict"].items())
    path, _ = write_predictions(predict("--ckpt_path", str(file)))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert all((float(row["probability of yes"]) > kept["threshold"]) == (row["predicted"] == "yes") for row in rows)
    assert main(["test", "--ckpt_path", str(file), "--threshold", "off", "--calibrate", "off"]) == 0
    assert KEY not in content(rare)


def test_a_fit_goes_on_bit_for_bit_without_it(rare):
    shutil.copytree(rare.folder, rare.folder.with_name("version_7"))
    evaluate("--ckpt_path", str(rare.folder), "--threshold=balanced_accuracy", "--calibrate")
    assert KEY in content(rare)
    ends = [
        fit(
            "--ckpt_path", str(folder / "checkpoints" / "last.ckpt"), "--trainer.max_epochs=5", "--progress_display=off"
        )
        for folder in (rare.folder, rare.folder.with_name("version_7"))
    ]
    first, second = (content(run) for run in ends)
    assert first["global_step"] == second["global_step"] > 0
    assert KEY not in first
    assert all(torch.equal(value, second["state_dict"][name]) for name, value in first["state_dict"].items())
    states = [each["optimizer_states"][0]["state"] for each in (first, second)]
    assert all(torch.equal(states[0][n]["exp_avg"], states[1][n]["exp_avg"]) for n in states[0])


def test_a_threshold_needs_two_classes(workplace, small, capsys):
    fit(*small, "--trainer.max_epochs=1", "--progress_display=off")
    assert main(["test", "--ckpt_path=best", "--threshold"]) == 2
    assert "--threshold: expected a model of two classes, got '10 classes'" in capsys.readouterr().err
    assert main(["test", "--ckpt_path=best", "--calibrate", "--trainer.limit_test_batches=1"]) == 0
    assert "temperature" in capsys.readouterr().out
    assert main(["predict", "--ckpt_path=best", "--threshold"]) == 2
    assert "Unknown flag: '--threshold'" in capsys.readouterr().err
