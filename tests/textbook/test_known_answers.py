"""The textbook's own numbers, from the functions behind ``show``."""

import math

import numpy as np
import pytest
import torch

from dlcore.errors import ArgumentError, DataError, UnknownNameError
from dlcore.textbook.approximation import approximation
from dlcore.textbook.average import average
from dlcore.textbook.backprop import backprop
from dlcore.textbook.batch_norm import batch_norm
from dlcore.textbook.boundary import boundary
from dlcore.textbook.convolution import convolution
from dlcore.textbook.descent import descent
from dlcore.textbook.dropout import dropout
from dlcore.textbook.image import image
from dlcore.textbook.initializer import initializer
from dlcore.textbook.loss import loss
from dlcore.textbook.manual_backward import manual_backward
from dlcore.textbook.perceptron import perceptron
from dlcore.textbook.saturation import saturation
from dlcore.textbook.schedule import schedule
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


def test_losses_of_the_chapter():
    assert loss().values == pytest.approx(
        {
            "cross_entropy": 0.6177929639816284,
            "binary_cross_entropy": 0.5108255743980408,
            "mae": 1.0,
            "mse": 1.0,
            "smooth_l1": 0.05,
        },
        abs=1e-6,
    )
    assert loss(["mse", "l1"], predictions=[1, 5], targets=[0, 1]).values == {"mse": 8.5, "l1": 2.5}
    assert loss(["cross_entropy"], scores=[[0, 0]], classes=[1]).values["cross_entropy"] == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"predictions": [1.0]}, "targets"),
        ({"names": ["mse"], "predictions": [1.0], "targets": [1.0, 2.0]}, "targets"),
        ({"names": ["bce"], "predictions": [1.5], "targets": [1]}, "probabilities"),
        ({"names": ["cross_entropy"], "scores": [[1.0, 2.0]], "classes": [2]}, "classes"),
        ({"names": []}, "names"),
    ],
)
def test_loss_names_what_is_wrong(arguments, named):
    with pytest.raises(ArgumentError, match=named):
        loss(**arguments)
    with pytest.raises(UnknownNameError, match="smooth_l1"):
        loss(["smooth_l2"])


def test_initializers_follow_their_formulas():
    names = ["xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "normal", "uniform", "default"]
    values = initializer(names, fan_in=300, fan_out=500).values
    kaiming = math.sqrt(2 / 300)
    expected = [
        math.sqrt(2 / 800),
        math.sqrt(6 / 800 / 3),
        kaiming,
        kaiming,
        0.01,
        0.05 / math.sqrt(3),
        1 / math.sqrt(900),
    ]
    for name, wanted in zip(names, expected, strict=True):
        assert values[name]["expected_std"] == pytest.approx(wanted), name
        assert values[name]["std"] == pytest.approx(wanted, rel=0.02), name
    assert abs(values["xavier_uniform"]["weights"]).max() <= math.sqrt(6 / 800)


def test_equal_weights_are_told():
    shown = initializer(["zeros", "constant", "kaiming_normal"])
    assert "zeros and constant" in shown.notes[0]
    assert shown.values["kaiming_normal"]["activations"][-1] > 0.1  # Kaiming keeps the size through ReLU
    assert initializer(["normal"]).values["normal"]["activations"][-1] < 1e-6


def test_descent_crawls_converges_and_diverges():
    assert [row[3] for row in descent(surface="curve").tables[0].rows] == ["on its way", "arrives", "diverges"]
    path = descent(["SGD(lr=0.1)"], "curve", steps=3, start=[1.0]).values["SGD(lr=0.1)"]["path"]
    assert [each[0] for each in path] == pytest.approx([1, 0.8, 0.64, 0.512])  # w ← w − 0.1 · 2w


@pytest.mark.parametrize("surface", ["ravine", "saddle", "plateau", "two_minima"])
def test_descent_on_each_surface(surface):
    for name, each in descent(surface=surface).values.items():
        assert len(each["path"]) == len(each["costs"]) == 51, name
        assert math.isfinite(each["costs"][-1])


def test_descent_refuses_what_torch_refuses():
    with pytest.raises(UnknownNameError, match="Adam"):
        descent(["Adan"])
    with pytest.raises(UnknownNameError, match="momentum"):
        descent(["SGD(momentun=0.9)"])
    with pytest.raises(ArgumentError, match="SGD accepts"):
        descent(["SGD(lr=-1)"])
    with pytest.raises(ArgumentError, match="two plain weights"):
        descent(["SparseAdam"])
    with pytest.raises(ArgumentError, match="start"):
        descent(start=[1.0])


def test_moving_picture_is_a_gif():
    content = descent(["SGD"], steps=3).animation()
    assert content.startswith(b"GIF89a")


def test_average_of_the_chapter():
    assert average([0.9], [10, 20, 30]).values["averages"][0.9] == pytest.approx([10, 11, 12.9])
    assert len(average().values["series"]) == 30


def test_dropout_of_the_chapter():
    values = dropout().values
    assert values["scale"] == pytest.approx(5)
    flat = np.array(values["outputs"]).flatten()
    assert {*flat.round(9)} == {0.0, 25.0}
    assert ((np.array(values["gradients"]).flatten() > 0) == (flat > 0)).all()
    assert values["evaluation"] == [5.0] * 10


def test_running_statistics_follow_the_formula():
    values = batch_norm(momentum=0.3, steps=4).values
    running = 0.0
    for mean, kept in zip(values["batch_means"], values["running_mean"][1:], strict=True):
        running = 0.7 * running + 0.3 * mean
        assert kept == pytest.approx(running)
    assert np.mean(values["normalized"]) == pytest.approx(0, abs=1e-9)
    assert np.std(values["normalized"]) == pytest.approx(1, abs=1e-4)


def test_convolution_of_numbers_has_the_size_of_the_formula():
    shown = convolution("numbers", ["edge"])
    assert "(5 − 3 + 2·1)/1 + 1 = 5" in shown.tables[0].rows[0]
    output = shown.values["outputs"]["edge"]
    assert output.shape == (5, 5)
    assert output[2].tolist() == [0, -27, 54, -27, 0]
    assert shown.values["max_pooled"]["edge"][0].tolist() == [0, 63]


def test_channels_are_added_up():
    one, three = (convolution("numbers", ["edge"], color=color).values["outputs"]["edge"] for color in (False, True))
    assert np.allclose(three, 3 * one)


def test_convolution_names_what_is_wrong():
    with pytest.raises(UnknownNameError, match="sobel_x"):
        convolution(kernels=["sobelx"])
    with pytest.raises(ArgumentError, match="kernel"):
        convolution("numbers", kernel=[[1] * 9] * 9)
    with pytest.raises(DataError, match="no such file"):
        convolution("nowhere.png")


def test_image_is_an_array(tmp_path):
    from PIL import Image

    array = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    path = tmp_path / "图片.png"
    Image.fromarray(array).save(path)
    values = image(str(path), crop=[1, 3, 2, 6], size=4).values
    assert values["shape"] == (8, 6, 3)
    assert (values["crop"] == array[1:3, 2:6]).all()
    assert values["small"].shape == (4, 4)
    with pytest.raises(ArgumentError, match="crop"):
        image(str(path), crop=[0, 9, 0, 1])
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match="Pillow cannot read"):
        image(str(path))


def test_sentence_of_the_chapter():
    values = sentence().values
    assert "".join(values["words"]) == "北京冬奥的进度条已经过半,不少外国运动员在完成自己的比赛后踏上归途。"
    assert values["words"][:3] == ["北京", "冬奥", "的"]
    assert values["shapes"][:2] == [("(1,1,128)", "(1,1,256)", "(1,1,256)"), ("(8,16,128)", "(8,16,256)", "(1,16,256)")]
    assert values["error"] < 1e-5
    with pytest.raises(ArgumentError, match="text"):
        sentence("")


def test_schedules_follow_their_formulas():
    values = schedule(
        ["exponential(decay_rate=0.2)", "inverse_time(decay_rate=0.5)", "warmup(epochs=4)"], lr=1.0, epochs=5
    ).values
    exponential, inverse, warmup = values.values()
    assert exponential == pytest.approx([math.exp(-0.2 * t) for t in range(5)])
    assert inverse == pytest.approx([1 / (1 + 0.5 * t) for t in range(5)])
    assert warmup == pytest.approx([0.25, 0.5, 0.75, 1, 1])


def test_plateau_on_a_given_curve():
    values = schedule(["plateau"], lr=1.0, losses=[1, 0.8, 0.8, 0.7, 0.7, 0.7]).values
    assert values["plateau"] == [1, 1, 1, 0.5, 0.5, 0.25]


def test_xor_with_and_without_a_hidden_layer():
    linear = boundary("xor", [], steps=1000).values
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
