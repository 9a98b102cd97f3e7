"""Predictions come back as the rows came: in their format, with their columns, untouched."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from dlcore.cli.main import main
from dlcore.plain_text import csv_cell
from dlcore.runs import fit, predict
from dlcore.runs.prediction_rows import ending_of, read_back, write_beside
from dlcore.runs.predictions import _quoted, write_predictions

FEW_EPOCHS = ("--trainer.max_epochs=1", "--progress_display=off")


@pytest.fixture
def run(workplace):
    rows = [f"{n:03},{n % 7},{'男女'[n % 2]},{3 * (n % 7)}" for n in range(60)]
    (workplace / "t.csv").write_text("\n".join(["号,热度,性别,费用", *rows]) + "\n", encoding="utf-8")
    flags = ("--data.path=t.csv", "--data.target=费用", "--data.ignore=号", "--data.task=regression")
    return fit("-c", "mlp_table_regression", *flags, *FEW_EPOCHS)


def test_cells_of_csv_come_back_as_text(run, workplace):
    (workplace / "新.csv").write_text('号,性别,热度,备注\n007,女,6.50,=1+1\n008,男,0,"a,b"\n', encoding="utf-8")
    path, _ = write_predictions(predict("--ckpt_path=best", "--data.path=新.csv"))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [list(row.values())[:5] for row in rows] == [
        ["0", "007", "女", "6.50", "'=1+1"],
        ["1", "008", "男", "0", "a,b"],
    ]
    assert list(rows[0])[5:] == ["predicted 费用"]


def test_a_spreadsheet_comes_back_with_the_same_answers(run, workplace, capsys):
    own = pd.DataFrame(
        {
            "号": ["007", "008"],
            "日": pd.to_datetime(["2024-05-01", "2024-05-02"]),
            "性别": ["女", "男"],
            "热度": [6.5, 0],
        }
    )
    own.to_csv(workplace / "新.csv", index=False)
    own.to_excel(workplace / "新.xlsx", index=False)
    assert main(["predict", "新.xlsx", "--ckpt_path=best"]) == 0
    found = pd.read_excel(run.folder / "predictions_新.xlsx", dtype={"号": str}, engine="openpyxl")
    pd.testing.assert_frame_equal(found[list(own)], own, check_dtype=False)
    assert list(found) == ["index", *own, "predicted 费用"]
    assert f"predicted 费用 {found['predicted 费用'][0]}" in capsys.readouterr().out
    assert main(["predict", "新.csv", "--ckpt_path=best"]) == 0
    text = pd.read_csv(run.folder / "predictions_新.csv")
    assert found["predicted 费用"].tolist() == pytest.approx(text["predicted 费用"].tolist(), abs=1e-5)


def test_parquet_comes_back_with_all_its_columns(run, workplace):
    pytest.importorskip("pyarrow")
    own = pd.DataFrame({"性别": ["女", "男"], "热度": [6, 0], "表": [[1], [2, 3]]})
    own.to_parquet(workplace / "新.parquet")
    path, _ = write_predictions(predict("--ckpt_path=best", "--data.path=新.parquet"))
    found = pd.read_parquet(path)
    assert path.name == "predictions_新.parquet"
    assert list(found) == ["index", "性别", "热度", "表", "predicted 费用"]
    assert [list(cell) for cell in found["表"]] == [[1], [2, 3]]


def test_rows_that_are_left_out_have_no_answer(run, workplace):
    (workplace / "新.csv").write_text("性别,热度\n女,6\n男,\n女,5\n", encoding="utf-8")
    path, count = write_predictions(predict("--ckpt_path=best", "--data.path=新.csv", "--data.missing=drop"))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert (count, [(row["index"], row["热度"]) for row in rows]) == (2, [("0", "6"), ("2", "5")])


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_columns_of_an_answers_name_and_formulas(tmp_path, ending):
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    own = pd.DataFrame({"index": [5, 6, 7], "predicted": ["=1", "b", None]})
    path = tmp_path / f"p{ending}"
    write_beside(
        path, own, np.array([0, 2]), {"predicted": ["红", "=x"], "probability of 红": np.float32([0.25, 1 / 3])}
    )
    rows = read_back(path)
    assert list(rows[0]) == ["index", "index (input)", "predicted (input)", "predicted", "probability of 红"]
    quote = "" if ending == ".parquet" else "'"
    assert [row["predicted"] for row in rows] == ["红", f"{quote}=x"]
    assert rows[0]["predicted (input)"] == f"{quote}=1"
    assert [row["index (input)"] for row in rows] == ["5", "7"]
    assert [row["probability of 红"] for row in rows] == ["0.25", "0.33333334"]


def test_endings(tmp_path, monkeypatch):
    endings = {
        "t.xlsx": ".xlsx",
        "t.XLS": ".xlsx",
        "t.ods": ".xlsx",
        "t.pq": ".parquet",
        "t.tsv": ".csv",
        "stdin": ".csv",
    }
    assert {name: ending_of(tmp_path / name) for name in endings} == endings
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert ending_of(tmp_path / "t.ods") == ".csv"


@pytest.mark.parametrize("text", ["猫", "a,b", 'say "x"', "=1+1", " first", "two\nlines", "-3", "", "a\tb", "，"])
def test_a_cell_is_quoted_as_csv_writer_does(text):
    file = io.StringIO()
    csv.writer(file).writerow(["0", csv_cell(text)])
    assert file.getvalue() == f"0,{_quoted(text)}\r\n"
