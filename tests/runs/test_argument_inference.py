"""What data know is filled into the model's arguments, or checked against them."""

import pytest

from dlcore.errors import FitError
from dlcore.runs.argument_inference import link_facts

ARGUMENTS = {"in_features": None, "num_classes": None, "task": "multiclass", "hidden_sizes": [8]}
FACTS = {"in_features": 4, "num_classes": 2, "tasks": ["binary", "multiclass"], "class_names": ["no", "yes"]}


def test_fills_in_what_the_model_asks_for_and_nothing_else():
    assert link_facts(ARGUMENTS, set(), FACTS, "Table") == {"in_features": 4, "num_classes": 2, "task": "binary"}


def test_a_default_is_not_a_choice_but_a_choice_stays():
    assert "task" not in link_facts(ARGUMENTS, {"task"}, FACTS, "Table")


def test_refuses_a_task_that_the_targets_do_not_have():
    with pytest.raises(FitError, match=r"model.task: expected binary or multiclass.*Table, got 'regression'"):
        link_facts(ARGUMENTS | {"task": "regression"}, {"task"}, FACTS, "Table")


def test_refuses_sizes_of_other_data():
    with pytest.raises(FitError, match=r"model.in_features: expected 4, which Table has, got 3"):
        link_facts(ARGUMENTS | {"in_features": 3}, {"in_features"}, FACTS, "Table")


def test_a_shape_is_filled_in_as_a_config_file_brings_it_back():
    assert link_facts({"image_shape": None}, set(), {"image_shape": (1, 28, 28)}, "X") == {"image_shape": [1, 28, 28]}


def test_a_standardized_target_needs_a_model_that_knows_its_scale():
    scale = {"target_mean": 5.0, "target_std": 2.0}
    arguments = {**ARGUMENTS, "target_mean": None, "target_std": None}
    assert link_facts(arguments, set(), FACTS | scale, "Table").items() >= scale.items()
    with pytest.raises(FitError, match=r"data.standardize_target: expected false .*target_mean.*, got true\."):
        link_facts(ARGUMENTS, set(), FACTS | scale, "Table")


@pytest.mark.parametrize(
    ("asked", "facts", "expected"),
    [
        ({"in_features": 35}, {"vocab_size": 9}, "expected rows of numbers, .*, got text, which is what Data gives"),
        ({"vocab_size": 256}, {"in_features": 784, "image_shape": (1, 28, 28)}, "expected text, .*, got pictures"),
        ({"image_shape": [1, 8, 8]}, {"in_features": 64}, "expected pictures, .*, got rows of numbers"),
    ],
)
def test_data_of_another_kind_are_refused_though_every_size_is_given(asked, facts, expected):
    with pytest.raises(FitError, match=expected):
        link_facts(asked, set(asked), facts, "Data")
