"""Table as a whole: parts, statistics of the training rows, what is kept, and new rows; without a command."""

import pytest
import torch
from lightning.pytorch import Trainer

from dlcore.data import Table
from dlcore.errors import ArgumentError, DataError, UnknownNameError

ROWS = [f"{number},{number % 7 / 2},{'红绿蓝'[number % 3]},{'yes' if number % 4 else 'no'}" for number in range(40)]


@pytest.fixture
def csv_file(tmp_path):
    def write(text, name="数据.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return str(path)

    return write


@pytest.fixture
def colours(csv_file):
    return csv_file("\n".join(["编号,长度,颜色,结果", *ROWS]) + "\n")


def samples(data, part):
    """Inputs and targets of a part, as a network gets them."""
    chosen = data.parts[part]
    inputs, targets = chosen.fetch(chosen.indices)
    return data.transform(inputs), targets


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
    path = csv_file("a,b,y\n1,,0\n2,x,1\n?,x,0\n3,z,1\n")
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
        ({"path": "absent.csv"}, ArgumentError, "path: expected a CSV file, got 'absent.csv'. It is not there"),
        ({"target": "结局"}, UnknownNameError, r"column \(in data.target\): '结局'"),
        ({"target": 9}, ArgumentError, "target: expected a place from -4 to 3, or a name, got 9"),
        ({"ignore": "长"}, UnknownNameError, r"column \(in data.ignore\): '长'"),
        ({"categorical": "色"}, UnknownNameError, r"column \(in data.categorical\): '色'"),
        ({"val_size": 30, "test_size": 20}, ArgumentError, "val_size: expected at most 18 of 20 rows"),
        ({"val_size": 1.5}, ArgumentError, "val_size: expected a share"),
        ({"test_path": "absent.csv"}, ArgumentError, "test_path: expected a CSV file"),
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


# New rows


@pytest.fixture
def learned(colours, csv_file):
    """What a checkpoint keeps of a run on the colours."""
    data = Table(colours, ignore="编号")
    data.setup("fit")
    return data.state_dict()


def later(path, kept, stage="predict", **settings):
    data = Table(path, ignore="编号", **settings)
    data.expect(None, kept)
    data.setup(stage)
    data.test_dataloader()
    return data


def test_new_rows_are_read_as_the_training_rows_were(colours, csv_file, learned, capsys):
    mean, std = learned["table"]["encoding"]["columns"][0][1:]
    path = csv_file("颜色,旁注,长度\n蓝,hm,2\n黑,hm,3\n", "新.csv")
    data = later(path, learned)
    inputs, targets = samples(data, "test")
    torch.testing.assert_close(inputs[:, 0], (torch.tensor([2.0, 3.0]) - mean) / std)
    assert inputs[:, 1:].tolist() == [[0, 0, 1], [0, 0, 0]]
    assert targets.tolist() == [-1, -1]
    assert "column '颜色': 1 row (row 2) with a category that no training row has, as '黑'" in capsys.readouterr().out
    assert data.facts()["class_names"] == ["no", "yes"]


def test_facts_of_a_checkpoint_need_no_file(learned):
    data = Table("gone.csv")
    data.expect(None, learned)
    assert data.facts()["in_features"] == 4


def test_the_file_of_the_training_is_parted_as_in_the_run(colours, learned):
    first = Table(colours, ignore="编号")
    first.setup("fit")
    data = later(colours, learned)
    assert data.parts["test"].indices.tolist() == first.parts["test"].indices.tolist()
    assert (samples(data, "test")[0] == samples(first, "test")[0]).all()


def test_a_training_file_that_was_changed_is_not_taken_for_it(colours, csv_file, learned):
    csv_file("\n".join(["编号,长度,颜色,结果", *ROWS[:-1]]) + "\n")
    with pytest.raises(DataError, match="got a file that was changed since or another one"):
        later(colours, learned)
    with pytest.raises(DataError, match="got a file that was changed since or another one"):
        later(csv_file("编号,长度,颜色,结果\n1,2,红,no\n", "other.csv"), learned, stage="fit")


@pytest.mark.parametrize(
    ("text", "stage", "message"),
    [
        ("颜色,长\n蓝,2\n", "predict", "a file without '长度'; is it the one named '长'?"),
        ("颜色,长度\n蓝,2\n", "test", "expected the target '结果' among the columns"),
        ("颜色,长度\n蓝,much\n", "predict", "column '长度': expected numbers, got 'much' in row 1"),
        ("颜色,长度,结果\n蓝,2,maybe\n", "test", "target '结果': expected one of the classes no, yes, got 'maybe'"),
        ("颜色,长度\n蓝,\n", "predict", "column '长度': expected a value in each row"),
    ],
)
def test_new_rows_that_do_not_fit(csv_file, learned, text, stage, message):
    with pytest.raises(DataError, match=message):
        later(csv_file(text, "新.csv"), learned, stage)


def test_new_rows_without_names_go_by_place(csv_file):
    data = Table(csv_file("1,5,a\n2,6,b\n3,7,a\n4,9,b\n"), val_size=0, test_size=0, standardize=False)
    data.setup("fit")
    new = Table(csv_file("8,7\n", "new.csv"), standardize=False)
    new.expect(None, data.state_dict())
    new.setup("predict")
    new.predict_dataloader()
    assert samples(new, "test")[0].tolist() == [[8, 7]]
    wrong = Table(csv_file("8\n", "wrong.csv"))
    wrong.expect(None, data.state_dict())
    with pytest.raises(DataError, match=r"expected 3 columns, as in the training \(2 without the target\), got 1"):
        wrong.load()


def test_a_column_of_names_stays_one_where_new_rows_have_numbers_in_it(csv_file):
    data = Table(csv_file("c,y\n01,0\nx,1\ny,0\n2,1\n"), val_size=0, test_size=0)
    data.setup("fit")
    new = Table(csv_file("c,y\n01,0\n2,1\n", "new.csv"))
    new.expect(None, data.state_dict())
    new.setup("test")
    new.test_dataloader()
    assert samples(new, "test")[0].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning")
def test_a_trainer_alone_brings_the_statistics_back(colours, csv_file, tmp_path, make_trainer):
    from dlcore.models import MLP

    data = Table(colours, ignore="编号")
    model = MLP([3], task="binary", in_features=data.facts()["in_features"])
    trainer: Trainer = make_trainer()
    trainer.fit(model, data)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    new = Table(csv_file("长度,颜色\n2,红\n1,绿\n", "新.csv"))
    answers = make_trainer().predict(model, new, ckpt_path=tmp_path / "c.ckpt", weights_only=True)
    assert torch.cat(answers).shape == (2, 2)
    assert new.schema.state() == data.schema.state()
