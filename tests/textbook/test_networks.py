"""Networks of the textbook: forward and backward pass, regions of the plane, approximation."""

import math

import numpy as np
import pytest
import torch

from dlcore.errors import ArgumentError, DataError, UnknownNameError
from dlcore.textbook.approximation import approximation
from dlcore.textbook.backprop import backprop
from dlcore.textbook.boundary import boundary
from dlcore.textbook.dropout import dropout
from dlcore.textbook.initializer import initializer
from dlcore.textbook.manual_backward import manual_backward
from dlcore.textbook.perceptron import perceptron
from dlcore.textbook.saturation import saturation
from dlcore.textbook.sentence import sentence


def test_perceptron_of_the_chapter():
    for activation in ("identity", "relu"):
        shown = perceptron(activation=activation)
        assert shown.values == {"layers": [[5.0, 1.0], [9.0]], "output": [9.0]}
    assert "[[3, 1]] gives 9" in perceptron().notes[0]


def test_layers_without_activation_are_one_product():
    weights = [[[1, 2], [0, 1]], [[1, -1], [2, 1]], [[1, 1]]]
    product = np.array(weights[2]) @ np.array(weights[1]) @ np.array(weights[0])
    shown = perceptron([2, 3], weights)
    assert shown.values["output"] == pytest.approx((product @ [2, 3]).tolist())
    assert "equal one matrix product" in shown.notes[0]
    assert "would" in perceptron([2, 3], weights, activation="tanh").notes[0]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"inputs": [1, 2, 3]}, r"weights\[0\]"),
        ({"weights": [[[1, 2], [1]]]}, r"weights\[0\]"),
        ({"weights": []}, "weights"),
        ({"biases": [[1, 2]]}, "biases"),
        ({"weights": [[[1, 1]] * 9]}, "at most 8"),
    ],
)
def test_perceptron_names_what_does_not_match(arguments, named):
    with pytest.raises(ArgumentError, match=named):
        perceptron(**arguments)


def test_backprop_of_the_chapter():
    values = backprop().values
    assert [round(each, 4) for each in values["outputs"]] == [0.7514, 0.7729]
    assert round(values["loss"], 4) == 0.2984
    first, second = values["weights"]
    assert [[round(each, 4) for each in row] for row in first] == [[0.1498, 0.1996], [0.2498, 0.2995]]
    assert [[round(each, 4) for each in row] for row in second] == [[0.3589, 0.4087], [0.5113, 0.5614]]


def test_factors_of_backprop_multiply_to_its_gradients():
    for row in backprop(activation="tanh").tables[0].rows:
        factors = math.prod(float(each) for each in row[2].split(" · "))
        assert factors == pytest.approx(float(row[3]), abs=2e-4)
        assert float(row[4]) == pytest.approx(float(row[1]) - 0.5 * float(row[3]), abs=2e-4)


def test_factors_need_an_activation_of_single_numbers():
    with pytest.raises(ArgumentError, match="single numbers"):
        backprop(activation="softmax")


def test_backward_by_hand_equals_autograd():
    errors = manual_backward().values["errors"]
    assert set(errors) == {"W1", "b1", "W2", "b2"}
    assert max(errors.values()) < 1e-12


def test_xor_with_and_without_a_hidden_layer():
    linear = boundary("xor", [], steps=300).values
    assert linear["losses"][-1] == pytest.approx(math.log(2), abs=1e-3)
    assert boundary("xor", [4]).values["accuracy"] > 0.95


def test_boundary_of_a_file(tmp_path):
    path = tmp_path / "点.csv"
    path.write_text(
        "甲,乙,类\n" + "".join(f"{x},{x % 7},{'红' if x > 10 else '蓝'}\n" for x in range(20)), encoding="utf-8"
    )
    shown = boundary(str(path), [4], steps=20)
    assert len(shown.values["losses"]) == 21
    plane = shown.figure.axes[0]
    assert plane.images[0].get_array().std() > 0
    assert sum(len(points.get_offsets()) for points in plane.collections) == 20
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="two numbers and a class"):
        boundary(str(path))
    path.write_bytes("甲,乙,类\n1,2,红\n2,1,蓝\n".encode("gb18030"))
    with pytest.raises(DataError, match="expected text in utf-8"):
        boundary(str(path))
    assert len(boundary(str(path), [4], steps=1, encoding="gb18030").values["losses"]) == 2
    with pytest.raises(ArgumentError, match="encoding: expected nothing with built-in points"):
        boundary("moons", encoding="gb18030")
    path.write_text("")
    with pytest.raises(DataError, match="empty file"):
        boundary(str(path))
    path.write_text("a,b,c\n1,2,x\n2,,y\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 of them without two numbers"):
        boundary(str(path))
    with pytest.raises(UnknownNameError, match="moons"):
        boundary("moon")


def test_saturated_sigmoid():
    values = saturation([255, 0.02], [0.01, 0.1, 1.0]).values
    assert [round(row[0], 2) for row in values["outputs"]][1:] == [1.0, 1.0]
    assert all(abs(row[1] - 0.5) < 0.006 for row in values["outputs"])


def test_error_falls_with_the_units():
    errors = approximation([1, 10, 50]).values["errors"]
    assert errors[50] < errors[10] < 0.1 < errors[1] <= errors[0] + 1e-6
    straight = approximation([10], activation="identity").values["errors"]
    assert straight[10] == pytest.approx(straight[0], rel=1e-3)


def test_nothing_is_left_of_the_seed():
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    dropout()
    initializer(["normal"])
    sentence()
    boundary(steps=1)
    assert torch.equal(torch.rand(1), wanted)
