"""Commands on tables: from a CSV file to trained network, test and answers for new rows."""

import csv
import io

import numpy as np
import pytest
import torch

from dlcore.cli.main import main
from dlcore.errors import FitError
from dlcore.runs import fit, predict
from dlcore.runs import test as evaluate
from dlcore.runs.predictions import write_predictions

FEW_EPOCHS = ("--trainer.max_epochs=2", "--trainer.log_every_n_steps=1", "--progress_display=off")


def read(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def patients(workplace):
    """A table of 60 rows: two numbers, a word, and whether sick; a number that follows from them."""
    rows = [
        f"{n},{n % 7},{'男女'[n % 2]},{'病' if n % 7 > 3 else '健'},{3 * (n % 7) + 100 * (n % 2) + n % 5 / 8}"
        for n in range(60)
    ]
    (workplace / "病人.csv").write_text("\n".join(["号,热度,性别,结果,费用", *rows]) + "\n", encoding="utf-8")
    return workplace / "病人.csv"


def binary(path, *words):
    flags = ("--data.target=结果", "--data.ignore=[号,费用]")
    return fit("-c", "mlp_table_binary", "--data.path", str(path), *flags, *FEW_EPOCHS, *words)


def regression(path, *words):
    flags = ("--data.target=费用", "--data.ignore=[号,结果]")
    return fit("-c", "mlp_table_regression", "--data.path", str(path), *flags, *FEW_EPOCHS, *words)


def test_the_metrics_are_those_of_the_task(patients):
    run = binary(patients)
    assert type(run.model.task).__name__ == "Binary"
    assert run.model.network.linear_1.in_features == 3
    run = regression(patients)
    assert type(run.model.task).__name__ == "Regression"
    assert {"val/mae", "val/r2"} <= set(run.metrics)


def test_the_model_chooses_among_the_tasks(patients):
    assert binary(patients, "--model.task=multiclass").model.network.output.out_features == 2
    flags = ("-c", "mlp_table_regression", "--data.path", str(patients), "--data.target=热度", *FEW_EPOCHS)
    assert type(fit(*flags, "--model.task=multiclass").model.task).__name__ == "Multiclass"
    with pytest.raises(FitError, match=r"model\.task: expected binary or multiclass, which can be learned from Table"):
        binary(patients, "--model.task=regression")


def test_a_recipe_keeps_the_task_of_its_name(patients):
    flags = ("--data.path", str(patients), "--data.target=热度", *FEW_EPOCHS)
    run = fit("-c", "mlp_table_regression", *flags)  # seven whole numbers, which might be classes
    assert type(run.model.task).__name__ == "Regression"
    with pytest.raises(FitError, match=r"got 'binary'\. Choose it \(--model\.task multiclass\)"):
        fit("-c", "mlp_table_binary", *flags)
    with pytest.raises(FitError, match=r"expected multiclass, .* got 'regression'"):
        fit("-c", "mlp_table_regression", "--data.task=multiclass", *flags)


def test_answers_for_the_test_rows_tell_the_row(patients):
    run = binary(patients)
    given = predict("--ckpt_path", str(run.folder))
    path, count = write_predictions(given)
    rows = read(path)
    assert count == len(rows) == 12
    assert list(rows[0]) == ["index", "predicted", "probability of 健", "probability of 病", "target"]
    assert all(row["target"] == ("病" if int(row["index"]) % 7 > 3 else "健") for row in rows)


def test_answers_for_new_rows(patients, workplace):
    run = binary(patients)
    new = workplace / "新.csv"
    new.write_text("性别,热度\n女,6\n男,0\n未知,3\n", encoding="utf-8")
    path, count = write_predictions(predict("--ckpt_path", str(run.folder), "--data.path", str(new)))
    rows = read(path)
    assert (count, list(rows[0])) == (
        3,
        ["index", "性别", "热度", "predicted", "probability of 健", "probability of 病"],
    )
    mean, std = run.datamodule.state_dict()["table"]["encoding"]["columns"][0][1:]
    inputs = torch.tensor([[(6 - mean) / std, 1, 0], [(0 - mean) / std, 0, 1], [(3 - mean) / std, 0, 0]])
    best = run.model
    best.load_state_dict(torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    best.eval()
    expected = best.task.predict(best(inputs))[:, 1].tolist()
    assert [float(row["probability of 病"]) for row in rows] == pytest.approx(expected, abs=1e-5)


def test_rows_on_standard_input_are_answered_on_the_terminal(patients, workplace, monkeypatch, capsys):
    run = binary(patients)
    content = "\n".join(patients.read_text(encoding="utf-8").splitlines()[:3]).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
    assert main(["predict", "-", "--ckpt_path=best"]) == 0
    rows = read(run.folder / "predictions_stdin.csv")
    said = capsys.readouterr().out
    assert len(rows) == 2
    for row in rows:
        share = float(row["probability of " + row["predicted"]])
        assert f"{row['index']}           {row['predicted']} {share:.1%}" in said
    assert main(["predict", "a.csv", "b.csv", "--ckpt_path=best"]) == 2
    assert "predict: expected one file of rows, got ['a.csv', 'b.csv']" in capsys.readouterr().err


def test_answers_of_a_regression_are_numbers_in_the_unit_of_the_target(patients, workplace):
    run = regression(patients)
    rows = read(write_predictions(predict("--ckpt_path", str(run.folder)))[0])
    assert list(rows[0]) == ["index", "predicted 费用", "费用"]
    number = int(rows[0]["index"])
    assert float(rows[0]["费用"]) == 3 * (number % 7) + 100 * (number % 2) + number % 5 / 8
    float(rows[0]["predicted 费用"])
    (workplace / "新.csv").write_text("性别,热度\n女,6\n", encoding="utf-8")
    rows = read(write_predictions(predict("--ckpt_path", str(run.folder), "--data.path=新.csv"))[0])
    assert list(rows[0]) == ["index", "性别", "热度", "predicted 费用"]


def test_a_file_of_new_rows_with_targets_is_tested_whole(patients, workplace):
    run = binary(patients)
    (workplace / "新.csv").write_text("性别,热度,结果\n女,6,病\n男,0,健\n女,5,病\n", encoding="utf-8")
    tested = evaluate("--ckpt_path", str(run.folder), "--data.path=新.csv")
    assert tested.model.evaluated == 3


def test_linear_regression_reaches_the_least_squares_plane(workplace):
    run = fit("-c", "linear_regression", "--progress_display=off")
    rows = np.array([[0, 3, 1], [1, 3, 1], [2, 3, 1], [3, 2, 1], [4, 4, 1]], dtype=float)
    targets = np.array([95.364, 97.217205, 75.195834, 60.105519, 49.342380])
    plane, *_ = np.linalg.lstsq(rows, targets, rcond=None)
    least = np.sqrt(np.mean((rows @ plane - targets) ** 2))
    assert least <= run.metrics["val/rmse"] < least + 1e-3
    assert run.trainer.current_epoch < 100  # it stopped since the error changed by less than 1e-4
    answers = torch.cat(predict("--ckpt_path", str(run.folder)).output)[:, 0]
    np.testing.assert_allclose(answers.numpy(), rows @ plane, atol=0.1)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--data.path=absent.csv",), "data.path: expected a table's file, got 'absent.csv'"),
        (("--data.path=病人.csv", "--data.target=结局"), "Unknown column (in data.target): '结局'."),
        (("--data.path=病人.csv", "--data.val_size=1.5"), "data.val_size: expected a share"),
        (("--data.path=病人.csv", "--data.header=perhaps"), "data.header: "),
        (("--data.builtin=iris",), "Unknown built-in table (in data.builtin): 'iris'."),
    ],
)
def test_mistakes_are_one_line(patients, capsys, flags, message):
    assert main(["fit", "-c", "mlp_table_binary", *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not (patients.parent / "lightning_logs").exists()
