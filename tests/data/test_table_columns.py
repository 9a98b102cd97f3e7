"""Columns, target and encoding of a table, from values whose answer is known."""

import numpy as np
import pandas as pd
import pytest
import torch

from dlcore.data.tables.columns import ColumnReader, Names, Numbers
from dlcore.data.tables.encoding import Encoding
from dlcore.data.tables.target import Target
from dlcore.errors import ArgumentError, DataError


def column(values, kind="auto"):
    return ColumnReader("t.csv").read(pd.Series(values), "x", kind)


def test_numbers_booleans_and_names():
    assert column([1, 2]).values.tolist() == [1.0, 2.0]
    assert column([True, False]).values.tolist() == [1.0, 0.0]
    assert column([True, False]).boolean
    spelled = column(["true", None, "FALSE"])
    assert spelled.boolean
    assert spelled.missing.tolist() == [False, True, False]
    names = column(["b", " a ", None, "b", " ?"])
    assert names.names == ["a", "b"]
    assert names.codes.tolist() == [1, 0, -1, 1, -1]
    assert column([None, None]).missing.all()
    assert column([3, 3, 12], "names").names == ["12", "3"]


def test_text_among_numbers_names_row_and_value():
    with pytest.raises(DataError) as error:
        column(["1", "2", "1,5", "4", "5", "n.a."])
    assert str(error.value) == (
        "t.csv: column 'x': expected numbers, as most of it is, got '1,5' in row 3 (counted from 1, without the "
        "header) (2 such rows). Read '1,5' as 1.5 (--data.decimal ,). Correct it, leave the "
        "column out (--data.ignore x), or take all its values as names (--data.categorical x)."
    )
    assert isinstance(column(["1", "b", "c"]), Names)
    with pytest.raises(DataError, match="expected numbers, got 'b' in row 2"):
        column(["1", "b", "c"], "numbers")
    assert column(["1", " ?", "3"]).missing.tolist() == [False, True, False]


@pytest.mark.parametrize("values", [[1.0, np.inf], [-np.inf, 1.0]])
def test_infinite_numbers_are_refused(values):
    with pytest.raises(DataError, match=r"column 'x': expected finite numbers, as most of it is, got -?inf in row"):
        column(values)


def numbers(*values):
    return Numbers(np.array(values, dtype=float))


def names(*values):
    return ColumnReader("t.csv").read(pd.Series(values), "y", "names")


MANY = list(range(21)) * 5
FEW = list(range(20)) * 5


@pytest.mark.parametrize(
    ("found", "tasks", "classes"),
    [
        (names("sick", "well", "sick"), ["binary", "multiclass"], ["sick", "well"]),
        (names("a", "b", "c"), ["multiclass"], ["a", "b", "c"]),
        (numbers(0, 1, 1, 0), ["binary", "multiclass", "regression"], ["0", "1"]),
        (numbers(-1, 1.5), ["binary", "multiclass", "regression"], ["-1", "1.5"]),
        (column([True, False]), ["binary", "multiclass", "regression"], ["false", "true"]),
        (numbers(*FEW), ["multiclass", "regression"], [str(number) for number in range(20)]),
        (numbers(*FEW[:-1]), ["regression", "multiclass"], None),
        (numbers(*MANY), ["regression", "multiclass"], None),
        (numbers(0.5, 1.5, 2.5), ["regression"], None),
    ],
)
def test_what_can_be_learned_follows_from_the_target(found, tasks, classes):
    target = Target.of(found, "y", "t.csv")
    assert (target.tasks, target.classes) == (tasks, classes)


def test_a_task_that_was_chosen_decides_how_targets_are_kept():
    whole, every = numbers(3, 1, 2, 1, 2, 3), np.arange(6)
    as_numbers = Target.of(whole, "y", "t.csv", "regression").encode(whole, every, "t.csv")
    assert as_numbers.tolist() == [[3], [1], [2], [1], [2], [3]]
    as_classes = Target.of(whole, "y", "t.csv", "multiclass").encode(whole, every, "t.csv")
    assert as_classes.tolist() == [2, 0, 1, 0, 1, 2]
    text = names("a", "b", "c")
    assert Target.of(text, "y", "t.csv", "regression").classes == ["a", "b", "c"]  # the link says that it cannot be
    with pytest.raises(
        ArgumentError, match=r"task: expected multiclass, got 'binary'. 'y' has 3 different values, text"
    ):
        Target.of(text, "y", "t.csv", "binary", strict=True)


def test_targets_of_one_value_teach_nothing():
    with pytest.raises(DataError, match=r"at least two different values in the target 'y', got 1: .*--data.target"):
        Target.of(numbers(1, 1), "y", "t.csv")
    with pytest.raises(DataError, match="got 1"):
        Target.of(names("a", None, "a"), "y", "t.csv")


def test_classes_of_further_rows():
    target = Target.of(names("a", "b"), "y", "t.csv")
    assert target.encode(names("b", None, "a"), np.arange(3), "u.csv").tolist() == [1, -1, 0]
    with pytest.raises(DataError, match=r"u\.csv: target 'y': expected one of the classes a, b, got 'c' in 1 row"):
        target.encode(names("b", "c"), np.arange(2), "u.csv")
    with pytest.raises(DataError, match="expected one of the classes 0, 1, got 2 in 1 row"):
        Target.of(numbers(0, 1), "y", "t.csv").encode(numbers(1, 2), np.arange(2), "u.csv")
    assert target.unknown(2).tolist() == [-1, -1]
    assert Target.of(numbers(0.5, 1.5, 2.5), "y", "t.csv").unknown(2).isnan().all()


def encoded(columns, rows, standardize=True):
    encoding = Encoding.of(columns, np.array(rows), standardize, 100, "t.csv")
    stored, notes = encoding.encode(columns)
    return encoding, encoding.expand(stored), notes


def test_numbers_are_standardised_with_the_training_rows_alone():
    encoding, inputs, _ = encoded({"a": numbers(1, 3, 100)}, [0, 1])
    assert inputs.tolist() == [[-1.0], [1.0], [98.0]]  # mean 2, deviation 1
    assert encoding.constant == []
    _, plain, _ = encoded({"a": numbers(1, 3, 100)}, [0, 1], standardize=False)
    assert plain.tolist() == [[1.0], [3.0], [100.0]]


def test_large_numbers_that_differ_little_keep_their_differences():
    _, inputs, _ = encoded({"time": numbers(1.7e9, 1.7e9 + 1, 1.7e9 + 2)}, [0, 1, 2])
    torch.testing.assert_close(inputs[:, 0], torch.tensor([-1.5, 0, 1.5]).mul(2 / 6**0.5), atol=1e-6, rtol=0)


def test_a_constant_column_is_zero():
    encoding, inputs, _ = encoded({"a": numbers(0.1, 0.1, 0.1), "b": numbers(1, 2, 3)}, [0, 1, 2])
    assert inputs[:, 0].tolist() == [0, 0, 0]
    assert encoding.constant == ["a"]


def test_names_are_one_hot_and_an_unseen_one_is_none_of_them():
    columns = {"n": numbers(1, 3, 1, 3), "c": names("red", "blue", "green", None)}
    encoding, inputs, notes = encoded(columns, [0, 1])
    assert encoding.in_features == 3
    assert inputs.tolist() == [[-1, 0, 1], [1, 1, 0], [-1, 0, 0], [1, 0, 0]]  # blue, red
    assert notes == [
        "column 'c': 1 row (row 3) with a category that no training row has, as 'green': read as none of them"
    ]


def test_missing_numbers_become_the_mean_of_the_training_rows():
    _, inputs, _ = encoded({"a": numbers(1, 3, np.nan, 100)}, [0, 1, 2], standardize=False)
    assert inputs[:, 0].tolist() == [1, 3, 2, 100]
    with pytest.raises(DataError, match="column 'a': expected values, but no training row has one"):
        encoded({"a": numbers(np.nan, 1)}, [0])


def test_too_many_categories_name_column_and_remedies():
    many = {"id": names(*(f"n{number}" for number in range(101)))}
    with pytest.raises(
        DataError, match=r"column 'id': expected at most 100 categories, got 101 .*--data.ignore id.*max_categories 101"
    ):
        encoded(many, range(101))


def test_a_name_of_its_own_for_each_row_teaches_nothing():
    own = {"id": names(*(f"n{number:02}" for number in range(11)))}
    with pytest.raises(
        DataError, match=r"column 'id': expected categories that return, got another one in each of the 11"
    ):
        encoded(own, range(11))
    assert encoded(own, range(10))[0].in_features == 10
    assert encoded({"id": names(*own["id"].names, "n00")}, range(12))[0].in_features == 11


def test_a_column_of_texts_is_refused_with_the_way_to_learn_from_it(tmp_path):
    texts = [f"这家店第{n}次来了，东西一直很好吃，服务也好" for n in range(30)]
    with pytest.raises(
        DataError, match=r"column '评论': expected numbers or categories, got texts, 30 different ones in 30 training "
        r"rows .*\(--data\.ignore 评论\).*fit -c rnn_topics --data\.path FILE --data\.text 评论 --data\.label TARGET"
    ):  # fmt: skip
        encoded({"评论": names(*texts)}, range(30))
    assert encoded({"评论": names(*(texts[:3] * 10))}, range(30))[0].in_features == 3  # long, but they return


def test_an_encoding_is_kept_as_plain_values(tmp_path):
    encoding, _, _ = encoded({"n": numbers(1, 3), "c": names("红", "蓝")}, [0, 1])
    torch.save(encoding.state(), tmp_path / "state")
    again = Encoding.from_state(torch.load(tmp_path / "state", weights_only=True))
    assert again.state() == encoding.state()
    stored, _ = again.encode({"c": names("蓝", "红"), "n": numbers(1, 3)})
    assert again.expand(stored).tolist() == [[-1, 0, 1], [1, 1, 0]]
