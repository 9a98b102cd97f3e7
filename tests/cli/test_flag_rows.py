import math

import pytest

from dlcore.cli.flag_rows import class_rows, default_value, flag_row, placeholder, yaml_text
from dlcore.config.catalogue import Argument, ClassInfo


def rows_of(*arguments, settings=None):
    info = ClassInfo("Net", "", {argument.name: argument for argument in arguments})
    return [(left.plain, right.plain) for left, right in class_rows("model", info, settings, info.arguments)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.0, "0.0"),
        (1e-5, "1e-05"),
        (math.inf, "inf"),
        ([512, 256], "[512,256]"),
        ((1, None), "[1,null]"),
        ([], "[]"),
        ("val/loss", "val/loss"),
        ("", "''"),
        ("my photos", "'my photos'"),
        ("明月", "明月"),
        ("torch.optim.Adam", "Adam"),
        ({"class_path": "torch.optim.SGD", "init_args": {"lr": 1}}, "SGD"),
        ({"a": 1, "b": None}, "{a: 1,b: null}"),
        (list(range(30)), "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,…"),
    ],
)
def test_values_are_written_as_one_types_them(value, text):
    assert yaml_text(value) == text


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("0.5", 0.5),
        ("-1", -1),
        ("'ReLU'", "ReLU"),
        ("(1, 2)", (1, 2)),
        ("None", None),
        (None, None),
        ("torch.optim.Adam", "Adam"),
        ("1 / 255", "1 / 255"),
        ("partial(SGD, lr=1)", "partial(SGD, lr=1)"),
    ],
)
def test_reads_a_default_from_its_source(source, value):
    assert default_value(Argument("x", "", source, "")) == value


def test_a_flag_has_the_recipes_value_or_else_the_classs():
    dropout = Argument("dropout", "float", "0.0", "Probability. More.")
    assert rows_of(dropout, settings={"dropout": 0.5}) == [("--model.dropout 0.5", "Probability.")]
    assert rows_of(dropout, settings={}) == [("--model.dropout 0.0", "Probability.")]
    assert rows_of(dropout, settings={"dropout": None}) == [("--model.dropout null", "Probability. (float)")]


def test_without_known_values_a_flag_shows_the_kind_of_its_value():
    assert rows_of(Argument("n", "int | None", "None", "Number."), settings=None) == [("--model.n INT", "Number.")]


def test_an_argument_that_must_be_given_shows_its_kind():
    assert rows_of(Argument("n", "int", None, ""), settings={}) == [("--model.n INT", "int")]


def test_choices_are_listed_where_the_text_does_not():
    annotation = "Literal['min', 'max']"
    silent = Argument("mode", annotation, "'min'", "Direction.")
    telling = Argument("mode", annotation, "'min'", "Either min or max.")
    assert rows_of(silent, telling, settings={}) == [("--model.mode min", "Either min or max.")]
    assert rows_of(silent, settings={}) == [("--model.mode min", "Direction. (min | max)")]


def test_an_optimiser_is_followed_by_its_arguments():
    optimizer = Argument("optimizer", "OptimizerCallable", "torch.optim.Adam", "Optimiser.")
    value = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.01, "nesterov": True}}
    assert rows_of(optimizer, settings={"optimizer": value}) == [
        ("--model.optimizer SGD", "Optimiser."),
        ("--model.optimizer.lr 0.01", "Learning rate."),
        ("--model.optimizer.nesterov true", ""),
    ]


def test_an_optimiser_always_shows_how_to_set_the_learning_rate():
    optimizer = Argument("optimizer", "OptimizerCallable", "torch.optim.Adam", "Optimiser.")
    schedule = Argument("lr_scheduler", "LRSchedulerCallable | None", "None", "Schedule.")
    assert rows_of(optimizer, schedule, settings={}) == [
        ("--model.optimizer Adam", "Optimiser."),
        ("--model.optimizer.lr NUMBER", "Learning rate. (left out: torch's default)"),
        ("--model.lr_scheduler null", "Schedule."),
    ]


@pytest.mark.parametrize(
    ("annotation", "word"),
    [("int", "INT"), ("float | None", "NUMBER"), ("bool", "true|false"), ("", "VALUE"), ("OptimizerCallable", "NAME")],
)
def test_a_placeholder_tells_the_kind_of_value(annotation, word):
    assert placeholder(annotation) == word


def test_backticks_are_not_shown():
    _, right = flag_row("--x", "1", "Like ``relu`` or `tanh`.")
    assert right.plain == "Like relu or tanh."
