"""Other models beside a network on a table: known answers, the same rows, and never in the way of a test."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from dlcore.cli.main import main
from dlcore.runs import fit, table_baselines
from dlcore.runs import test as evaluate
from dlcore.runs.table_baselines import Baselines

FEW_EPOCHS = ("--trainer.max_epochs=1", "--progress_display=off")


def table(workplace, rows=300, **columns):
    """A number that is a plane of two others, a word, and two classes that only both numbers together tell."""
    draw = np.random.default_rng(0)
    a, b = draw.uniform(-1, 1, (2, rows))
    found = {"a": a, "b": b, "c": np.array(["红", "蓝"])[draw.integers(0, 2, rows)]}
    found |= {"数": 3 * a - 2 * b + 5 * (found["c"] == "红"), "类": np.where(a * b > 0, "同", "异")}
    pd.DataFrame(found | columns).to_csv(workplace / "t.csv", index=False)
    return "--data.path=t.csv"


def baselines(*words):
    run = fit(*words, *FEW_EPOCHS)
    command = evaluate("--ckpt_path", str(run.folder))
    return table_baselines.table_baselines(command, len(command.datamodule.parts["test"])), command


def test_a_plane_is_found_by_the_linear_model(workplace):
    path = table(workplace)
    found, _ = baselines("-c", "mlp_table_regression", path, "--data.target=数", "--data.ignore=类")
    assert isinstance(found, Baselines)
    assert (found.rows, found.of_rows) == (180, 180)
    assert found.models["linear regression"]["r2"].value == pytest.approx(1, abs=1e-6)
    assert 0.7 < found.models["gradient boosting"]["r2"].value < 1
    assert found.models["gradient boosting"]["r2"].has_interval
    assert set(found.models["linear regression"]) == {"mae", "rmse", "r2"}


def test_what_no_line_tells_the_trees_do(workplace):
    path = table(workplace)
    found, _ = baselines("-c", "mlp_table_binary", path, "--data.target=类", "--data.ignore=数")
    assert found.models["logistic regression"]["accuracy"].value < 0.75
    assert found.models["gradient boosting"]["accuracy"].value > 0.9
    assert found.models["gradient boosting"]["auroc"].value > 0.9


def test_they_are_judged_on_the_rows_of_the_network(workplace):
    path = table(workplace, 数=np.random.default_rng(1).normal(size=300))
    found, command = baselines("-c", "mlp_table_regression", path, "--data.target=数", "--data.ignore=类")
    rows = pd.read_csv("t.csv")
    inputs = np.column_stack([rows["a"], rows["b"], rows["c"] == "红"])
    parts = {name: part.indices.numpy() for name, part in command.datamodule.parts.items()}
    model = LinearRegression().fit(inputs[parts["train"]], rows["数"][parts["train"]])
    score = model.score(inputs[parts["test"]], rows["数"][parts["test"]])
    assert found.models["linear regression"]["r2"].value == pytest.approx(score, abs=1e-4)


def test_of_large_tables_they_learn_from_a_part(workplace, monkeypatch):
    monkeypatch.setattr(table_baselines, "_MOST_ROWS", 60)
    monkeypatch.setattr(table_baselines, "_WIDEST_BOOSTED", 3)
    path = table(workplace)
    found, command = baselines("-c", "mlp_table_regression", path, "--data.target=数", "--data.ignore=类")
    assert (found.rows, found.of_rows) == (60, 180)
    assert list(found.models) == ["linear regression"]
    monkeypatch.setattr(table_baselines, "_WIDEST", 3)
    assert table_baselines.table_baselines(command, 60) is None


def test_other_rows_and_other_data_have_none(workplace):
    path = table(workplace)
    _, command = baselines("-c", "mlp_table_regression", path, "--data.target=数", "--data.ignore=类")
    assert table_baselines.table_baselines(command, 10) is None  # only some were judged
    pd.read_csv("t.csv").head(9).to_csv("new.csv", index=False)
    other = evaluate("--ckpt_path=best", "--data.path=new.csv")
    assert table_baselines.table_baselines(other, 9) is None  # the training rows are not at hand


def test_a_test_tells_them_and_keeps_them(workplace, capsys, monkeypatch):
    path = table(workplace, 类=np.random.default_rng(1).choice(["同", "异"], 300))
    run = fit("-c", "mlp_table_binary", path, "--data.target=类", "--data.ignore=数", *FEW_EPOCHS)
    assert main(["test", "--ckpt_path=best"]) == 0
    said = capsys.readouterr().out
    assert "logistic regression: accuracy 0." in said
    assert "gradient boosting: accuracy 0." in said
    kept = json.loads((run.folder / "test.json").read_text(encoding="utf-8"))["baselines"]
    assert kept["training_rows"] == kept["of_training_rows"] == 180
    assert f"gradient boosting: accuracy {kept['gradient boosting']['accuracy']:.4f}" in said
    low, high = kept["gradient boosting"]["intervals_95"]["accuracy"]
    assert low < kept["gradient boosting"]["accuracy"] <= high
    assert "Other models on the same rows" in (run.folder / "report.html").read_text(encoding="utf-8")

    def fails(is_number):
        raise RuntimeError("no such solver")

    monkeypatch.setattr(table_baselines, "_models", fails)
    assert main(["test", "--ckpt_path=best"]) == 0
    said = capsys.readouterr().out
    assert "the baselines failed: RuntimeError: no such solver" in said
    assert "test/accuracy" in said
