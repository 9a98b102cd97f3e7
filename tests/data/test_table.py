"""Table as a whole: parts, statistics of the training rows, missing values, targets; without a command."""

import pytest
import torch
from table_samples import samples

from dlcore.data import Table
from dlcore.data.tables.target import Target
from dlcore.errors import ArgumentError, DataError, UnknownNameError


def test_what_a_model_may_ask_for(colours):
    facts = Table(colours, ignore="编号").facts()
    assert facts["columns"] == ["长度", "颜色"]
    assert (facts["in_features"], facts["num_classes"], facts["class_names"]) == (4, 2, ["no", "yes"])
    assert (facts["tasks"], facts["target_name"]) == (["binary", "multiclass"], "结果")
    assert facts["source"] == colours


def test_parts_have_their_sizes_and_classes_in_their_shares(colours):
    data = Table(colours, val_size=8, test_size=0.2)
    data.setup("fit")
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 24, "val": 8, "test": 8}
    assert [int((samples(data, part)[1] == 0).sum()) for part in ("train", "val", "test")] == [6, 2, 2]


def test_statistics_are_those_of_the_training_rows(colours):
    data = Table(colours, ignore=["编号"])
    data.setup("fit")
    train, val = samples(data, "train")[0], samples(data, "val")[0]
    torch.testing.assert_close(train[:, 0].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(train[:, 0].std(correction=0), torch.tensor(1.0))
    assert val[:, 0].mean().abs() > 1e-3
    assert train[:, 1:].sum(1).eq(1).all()


@pytest.mark.parametrize("target", ["结果", 3, -1])
def test_the_target_by_name_and_place(colours, target):
    assert Table(colours, target=target).facts()["target_name"] == "结果"


def test_the_target_may_stand_anywhere(colours):
    facts = Table(colours, target="长度").facts()
    assert (facts["columns"], facts["tasks"], facts["num_classes"]) == (["编号", "颜色", "结果"], ["regression"], 1)
    assert "class_names" not in facts


def test_a_wish_of_the_model_decides_among_the_tasks(csv_file):
    path = csv_file("a,b\n" + "".join(f"{n / 7},{n % 3}\n" for n in range(30)))
    assert Table(path).facts()["num_classes"] == 3
    data = Table(path)
    data.expect("regression", None)
    assert data.facts()["num_classes"] == 1
    data.setup("fit")
    assert data.parts["train"].targets.shape == (30, 1)
    assert Table(path, task="regression").facts()["num_classes"] == 1


def test_a_table_without_names(csv_file):
    data = Table(csv_file("6,148,1\n1,85,0\n8,183,1\n1,89,0\n"), val_size=0, test_size=0)
    facts = data.facts()
    assert (facts["columns"], facts["target_name"]) == (["column_1", "column_2"], "column_3")
    assert facts["class_names"] == ["0", "1"]


def test_five_points_train_and_are_looked_at():
    data = Table(builtin="linear_regression", val_size=0, test_size=0, standardize=False)
    data.setup("fit")
    for part in ("train", "val", "test"):
        inputs, targets = samples(data, part)
        assert inputs.tolist() == [[0, 3], [1, 3], [2, 3], [3, 2], [4, 4]]
        torch.testing.assert_close(targets[:, 0], torch.tensor([95.364, 97.217205, 75.195834, 60.105519, 49.342380]))


def test_small_tables_give_each_part_a_row():
    data = Table(builtin="linear_regression")
    data.setup("fit")
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 3, "val": 1, "test": 1}


def test_a_part_of_size_0_is_the_other_one(colours):
    data = Table(colours, val_size=0)
    data.setup("fit")
    assert data.parts["val"] is data.parts["test"]
    assert len(data.parts["train"]) == 32


@pytest.mark.parametrize(
    ("name", "rows", "in_features", "tasks"),
    [
        ("breast_cancer", 569, 30, ["binary", "multiclass"]),
        ("diabetes", 442, 10, ["regression", "multiclass"]),
        ("linear_regression", 5, 2, ["regression"]),
    ],
)
def test_builtin_tables(name, rows, in_features, tasks):
    data = Table(builtin=name)
    facts = data.facts()
    assert sum(len(part) for part in data.parts.values()) == rows
    assert (facts["in_features"], facts["tasks"], facts["source"]) == (in_features, tasks, f"built-in table {name}")


def test_parts_of_ones_own_files(colours, csv_file):
    other = csv_file("结果,颜色,长度,编号\nyes,红,1,7\nno,紫,2,8\n", "验证.csv")
    data = Table(colours, val_path=other, test_path=other)
    data.setup("fit")
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 40, "val": 2, "test": 2}
    inputs, targets = samples(data, "val")
    assert targets.tolist() == [1, 0]
    assert inputs[:, 2:].tolist() == [[1, 0, 0], [0, 0, 0]]  # 红 first in the alphabet; 紫 is none of them


def test_missing_values_are_an_error_that_names_them(csv_file):
    path = csv_file("a,b,y\n1,,0\n2,x,1\n?,x,0\n3,,1\n")
    with pytest.raises(
        DataError,
        match=r"column 'a': expected a value in each row, got none in 1 row \(row 3\)\. Ways: .* mean\), .*drop\)",
    ):
        Table(path).facts()
    with pytest.raises(DataError, match=r"column 'b': .* got none in 2 rows \(rows 1, 4\)"):
        Table(path, ignore="a").facts()


def test_missing_values_by_policy(csv_file, capsys):
    path = csv_file("a,b,y\n1,,0\n2,x,1\n?,x,0\n3,z,0\n")
    filled = Table(path, missing="mean", val_size=0, test_size=0, standardize=False)
    filled.setup("fit")
    assert samples(filled, "train")[0].tolist() == [[1, 0, 0], [2, 1, 0], [2, 1, 0], [3, 0, 1]]
    dropped = Table(path, missing="drop", val_size=0, test_size=0, standardize=False)
    dropped.setup("fit")
    assert dropped.parts["train"].indices.tolist() == [1, 3]
    assert "2 of 4 rows have missing values and are left out" in capsys.readouterr().out


def test_a_missing_target_is_no_mean(csv_file):
    path = csv_file("a,y\n1,0\n2,\n3,1\n")
    with pytest.raises(
        DataError, match=r"target 'y': expected a value in each row, got none in 1 row \(row 2\)\. Ways: "
    ):
        Table(path, missing="mean").facts()
    assert Table(path, missing="drop", val_size=0, test_size=0).facts()["class_names"] == ["0", "1"]


def test_a_class_of_rows_that_are_left_out_is_none(csv_file):
    path = csv_file("a,y\n1,no\n2,yes\n,maybe\n3,no\n")
    table = Table(path, missing="drop", val_size=0, test_size=0)
    assert table.facts()["class_names"] == ["no", "yes"]
    table.setup("fit")
    assert table.parts["train"].targets[table.parts["train"].indices].tolist() == [0, 1, 0]


def test_a_constant_column_is_said(csv_file, capsys):
    Table(csv_file("a,b,y\n" + "".join(f"7,{n},{n % 2}\n" for n in range(20)))).facts()
    assert "column 'a' has one value in all training rows" in capsys.readouterr().out


def test_other_encodings(csv_file):
    text = "身高,结果\n" + "".join(f"{n},{'病' if n % 2 else '健'}\n" for n in range(20))
    assert Table(csv_file(text, encoding="gbk"), encoding="gbk").facts()["class_names"] == ["健", "病"]
    assert Table(csv_file(text, encoding="utf-8-sig")).facts()["columns"] == ["身高"]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"path": "absent.csv"},
            ArgumentError,
            "path: expected a table's file, got 'absent.csv'. It is not there",
        ),
        ({"target": "结局"}, UnknownNameError, r"column \(in data.target\): '结局'"),
        ({"target": 9}, ArgumentError, "target: expected a place from -4 to 3, or a name, got 9"),
        ({"ignore": "长"}, UnknownNameError, r"column \(in data.ignore\): '长'"),
        ({"categorical": "色"}, UnknownNameError, r"column \(in data.categorical\): '色'"),
        ({"val_size": 30, "test_size": 20}, ArgumentError, "val_size: expected at most 18 of 20 rows"),
        ({"val_size": 1.5}, ArgumentError, "val_size: expected a share"),
        ({"test_path": "absent.csv"}, ArgumentError, "test_path: expected a table's file"),
        ({"task": "regression"}, ArgumentError, "task: expected binary or multiclass, got 'regression'"),
        ({"missing": "median"}, ArgumentError, "missing: expected 'error' or 'mean' or 'drop', got 'median'"),
        ({"max_categories": 1}, ArgumentError, "max_categories: expected a number at least 2"),
        ({"max_categories": 2}, DataError, "column '颜色': expected at most 2 categories, got 3"),
        ({"path": None}, ArgumentError, r"path: expected a CSV file, got nothing\. Or --data.builtin"),
        ({"path": None, "builtin": "breast_canser"}, UnknownNameError, "Did you mean 'breast_cancer'"),
        ({"ignore": ["编号", "长度", "颜色"]}, DataError, "expected a target and at least one other column"),
    ],
)
def test_bad_settings_name_argument_and_remedy(colours, settings, error, message):
    with pytest.raises(error, match=message):
        Table(**{"path": colours, **settings}).facts()


def test_targets_in_another_unit(csv_file, capsys):
    path = csv_file("a,price\n" + "".join(f"{n},{n * 30000 + 500}\n" for n in range(40)))
    assert Table(path).facts()["target_name"] == "price"
    assert "target 'price' has a standard deviation of" in (said := capsys.readouterr().out)
    assert "(--data.target_unit 1000000)" in said  # 30,000 times the deviation of 24 of 0..39, near 350,000
    data = Table(path, target_unit=1000, val_size=0, test_size=0)
    assert data.facts()["target_name"] == "price / 1000"
    assert data.parts["train"].targets[:2].tolist() == [[0.5], [30.5]]
    with pytest.raises(ArgumentError, match="target_unit: expected a number above 0, got 0"):
        Table(path, target_unit=0)


def test_a_standardized_target_gives_the_mean_and_deviation_of_its_training_rows(csv_file, capsys):
    path = csv_file("a,price\n" + "".join(f"{n},{n * 30000 + 500}\n" for n in range(40)))
    data = Table(path, standardize_target=True)
    facts, train = data.facts(), data.parts["train"]
    assert "standard deviation" not in capsys.readouterr().out  # nothing is left to advise
    own = train.targets[train.indices].double()
    assert facts["target_mean"] == pytest.approx(own.mean().item())
    assert facts["target_std"] == pytest.approx(own.std(correction=0).item())
    again = Table(path, standardize_target=True)
    again.expect(None, data.state_dict())
    assert {name: again.facts()[name] for name in ("target_mean", "target_std")}.items() <= facts.items()
    assert "target_mean" not in Table(path).facts()
    classes = csv_file("a,kind\n" + "".join(f"{n},{'xy'[n % 2]}\n" for n in range(40)), "classes.csv")
    assert "target_mean" not in Table(classes, standardize_target=True).facts()
    constant = Target("y", ["regression"], None, None).standardized(torch.full((5, 1), 7.0))
    assert constant.facts == {"target_mean": 7.0, "target_std": 1.0}
