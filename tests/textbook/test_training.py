"""Training in the textbook: losses, initial weights, descent, averages, schedules, dropout, batch normalisation."""

import math
from itertools import pairwise

import numpy as np
import pytest

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.textbook.average import average
from dlcore.textbook.background import background
from dlcore.textbook.batch_norm import batch_norm
from dlcore.textbook.descent import descent
from dlcore.textbook.dropout import dropout
from dlcore.textbook.initializer import initializer
from dlcore.textbook.loss import loss
from dlcore.textbook.plane import plane
from dlcore.textbook.schedule import schedule


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


def test_a_worker_draws_the_same_figures_beside_the_same_training():
    values = background(steps=6, every=2, queue=1).values
    assert values["figures"] == [0, 3, 3]
    assert values["same_weights"]
    assert values["waiting"][0] == 0 < values["waiting"][1]


def test_linear_regression_of_the_chapter_ends_near_least_squares():
    values = plane().values
    assert values["least_squares"] == pytest.approx([98.1041, -13.0288, 1.13282], abs=1e-4)
    assert values["rmse"][0] == pytest.approx(values["rmse"][1], abs=1e-3)
    errors = values["errors"]
    assert all(before > after for before, after in pairwise(errors))
    assert errors[-2] - errors[-1] < 1e-4 <= errors[-3] - errors[-2]
    assert len(plane(max_steps=3).values["errors"]) == 4  # before each step, and after the last


def test_linear_regression_of_one_input_is_a_line():
    values = plane([[0], [1], [2]], [1, 3, 5], lr=0.5, tolerance=1e-12).values
    assert values["learned"] == pytest.approx([1, 2])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"lr": 0.9}, "lr: expected a rate below 0.8173"),
        ({"points": [[1], [1]], "targets": [1, 2]}, "points: expected points that determine a plane"),
        ({"points": [[1, 2, 3]]}, "points: expected lists of one number each, or of two"),
        ({"targets": [1e200] * 5}, "targets: expected numbers whose squares are finite"),
        ({"targets": [1]}, "targets: expected 5 numbers"),
    ],
)
def test_linear_regression_names_what_is_wrong(arguments, named):
    with pytest.raises(ArgumentError, match=named):
        plane(**arguments)
