import argparse
import functools
import math
from pathlib import Path

import numpy as np
import torch

from dlcore.tracking.hparams import columns


def test_nested_settings_are_flattened_with_dots():
    assert columns({"a": {"b": {"c": 1}, "d": "x"}, "e": True}) == {"a.b.c": 1.0, "a.d": "x", "e": True}


def test_namespaces_are_settings_too():
    assert columns(argparse.Namespace(a=argparse.Namespace(b=2))) == {"a.b": 2.0}


def test_class_is_shown_by_its_short_name_and_its_arguments_below_it():
    params = {"model": {"class_path": "dlcore.models.MLP", "init_args": {"dropout": 0.1, "hidden_sizes": [512, 256]}}}
    assert columns(params) == {"model": "MLP", "model.dropout": 0.1, "model.hidden_sizes": "[512, 256]"}
    assert params["model"]["class_path"] == "dlcore.models.MLP"
    assert columns({"opt": {"class_path": "torch.optim.SGD", "init_args": None}}) == {"opt": "SGD"}


def test_numbers_stay_numbers_and_all_else_is_short_text():
    numbers = {"int": 3, "float": 0.5, "numpy": np.float32(0.5), "bool": False}
    others = {"none": None, "nan": math.nan, "inf": math.inf, "path": Path("a/b"), "list": []}
    objects = {"class": torch.optim.SGD, "partial": functools.partial(print), "mixed": [1, None, "x", [2.5]]}
    assert columns(numbers) == {"int": 3.0, "float": 0.5, "numpy": 0.5, "bool": False}
    assert columns(numbers)["bool"] is False
    assert columns(others) == {
        "none": "None", "nan": "nan", "inf": "inf", "path": "a/b", "list": "[]"
    }  # fmt: skip
    assert columns(objects) == {"class": "SGD", "partial": "partial", "mixed": "[1, None, x, [2.5]]"}
    assert columns({"long": "y" * 500}) == {"long": "y" * 59 + "…"}


def test_private_names_are_left_out():
    assert columns({"_class_path": "x", "a": {"_b": 1, "c": 2}}) == {"a.c": 2.0}
