"""Rows that a trained model answers later are read as the training rows were."""

import pytest
import torch
from lightning.pytorch import Trainer
from table_samples import ROWS, samples

from dlcore.data import Table
from dlcore.errors import DataError


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
        ("颜色,长度\n蓝,much\n", "predict", "column '长度': expected numbers, as in the training, got 'much' in row 1"),
        ("颜色,长度,结果\n蓝,2,maybe\n", "test", "target '结果': expected one of the classes no, yes, got 'maybe'"),
        ("颜色,长度\n蓝,\n", "predict", r"none in 1 row \(row 1\)\. Ways: correct the file\."),
        ("颜色,长度\n蓝,\n红,2\n", "predict", r"Ways: .*\(--data.missing mean\), leave such rows out \(.*drop\)\."),
    ],
)
def test_new_rows_that_do_not_fit(csv_file, learned, text, stage, message):
    with pytest.raises(DataError, match=message):
        later(csv_file(text, "新.csv"), learned, stage)


def test_a_hole_in_new_rows_is_filled_or_left_out(csv_file, learned):
    path = csv_file("颜色,长度\n蓝,\n红,2\n", "新.csv")
    mean, std = learned["table"]["encoding"]["columns"][0][1:]
    inputs = samples(later(path, learned, missing="mean", standardize=True), "test")[0]
    torch.testing.assert_close(inputs[:, 0], torch.tensor([0, (2 - mean) / std]), atol=1e-6, rtol=0)
    assert later(path, learned, missing="drop").parts["test"].indices.tolist() == [1]


def test_predict_needs_no_target_that_can_be_read(csv_file, learned, capsys):
    data = later(csv_file("颜色,长度,结果\n蓝,2,maybe\n红,3,no\n绿,1,\n", "新.csv"), learned)
    assert samples(data, "test")[1].tolist() == [-1, 0, -1]
    said = "column '结果': 1 row (row 1) with a value that is no target of the training, as 'maybe': left open"
    assert said in capsys.readouterr().out
    numbers = Table(csv_file("a,y\n1,0.5\n2,1.5\n3,2.5\n"), val_size=0, test_size=0)
    numbers.setup("fit")
    text = "a,y\n1,7.5\n2,k.A.\n3,1e99\n4,\n"
    data = later(csv_file(text, "neu.csv"), numbers.state_dict())
    assert samples(data, "test")[1].nan_to_num(-1).tolist() == [[7.5], [-1], [-1], [-1]]
    said = capsys.readouterr().out
    assert "column 'y': 1 row (row 2) cannot be read, such as 'k.A.': read as missing" in said
    assert "column 'y': 1 row (row 3) with a value that is no target of the training, as 1e+99: left open" in said
    with pytest.raises(DataError, match=r"column 'y': expected numbers, as in the training, got 'k\.A\.' in row 2"):
        later(csv_file(text, "neu.csv"), numbers.state_dict(), "test")


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
