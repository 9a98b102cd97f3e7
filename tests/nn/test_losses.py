"""Losses by name, with arguments and weights: the lesson's numbers, and torch's own where the lesson has none."""

import math

import pytest
import torch
from torch.nn import functional

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn import Binary, Multiclass, Regression, loss_names, make_loss, make_task

SCORES = torch.tensor([[0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
ONE_HOT = torch.tensor([[0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_cross_entropy_of_the_lessons_one_hot_targets(dtype):
    loss = Multiclass(3).loss(SCORES, ONE_HOT.to(dtype))
    assert loss.item() == pytest.approx(0.6177929639816284, abs=1e-6)
    assert Multiclass(3).loss(SCORES, ONE_HOT.argmax(1)).item() == pytest.approx(loss.item(), abs=1e-7)


@pytest.mark.parametrize("loss", ["l1", "mae", "mse", None])
def test_absolute_and_squared_error_of_the_lesson(loss):
    assert Regression(1, loss).loss(torch.ones(2, 1), torch.zeros(2)).item() == 1.0


def test_smooth_l1_of_the_lesson():
    loss = Regression(1, "smooth_l1").loss(torch.tensor([[0.2], [0.6]]), torch.tensor([0.0, 1.0]))
    assert loss.item() == pytest.approx(0.05, abs=1e-7)


@pytest.mark.parametrize(
    ("text", "error", "value"),
    [
        ("smooth_l1(beta=0.5)", 0.2, 0.2**2 / 2 / 0.5),
        ("smooth_l1(beta=0.5)", 2.0, 2 - 0.25),
        ("smooth_l1(beta=0)", 2.0, 2.0),
        ("huber(delta=0.5)", 0.2, 0.2**2 / 2),
        ("huber(delta=0.5)", 2.0, 0.5 * (2 - 0.25)),
        ("huber", 2.0, 1.5),
    ],
)
def test_losses_that_grow_less_beyond_a_bound_have_their_formula(text, error, value):
    assert Regression(1, text).loss(torch.tensor([[error]]), torch.tensor([0.0])).item() == pytest.approx(value)


def test_label_smoothing_mixes_the_targets_with_equal_shares():
    smooth = Multiclass(3, "cross_entropy(label_smoothing=0.3)")
    by_hand = 0.7 * ONE_HOT + 0.1
    expected = -(by_hand * SCORES.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(smooth.loss(SCORES, ONE_HOT), expected)
    torch.testing.assert_close(smooth.loss(SCORES, ONE_HOT.argmax(1)), expected)


def test_soft_targets_are_probabilities():
    soft = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    expected = -(soft * SCORES.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(Multiclass(3).loss(SCORES, soft), expected)


# Weights of classes


@pytest.mark.parametrize("loss", [None, "cross_entropy(label_smoothing=0.3)"])
def test_class_weights_are_torchs_and_the_same_for_one_hot_targets(loss):
    outputs, targets = torch.randn(20, 3), torch.arange(20) % 3
    weights = [0.5, 1.0, 4.0]
    smoothing = 0.3 if loss else 0.0
    expected = functional.cross_entropy(outputs, targets, torch.tensor(weights), label_smoothing=smoothing)
    task = Multiclass(3, loss, weights)
    torch.testing.assert_close(task.loss(outputs, targets), expected)
    torch.testing.assert_close(task.loss(outputs, functional.one_hot(targets, 3)), expected)


@pytest.mark.parametrize("shape", [(20,), (20, 1)])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_class_weights_of_yes_and_no_are_those_of_two_classes(shape, dtype):
    outputs, targets = torch.randn(20, 1), torch.arange(20) % 3 % 2
    as_two = torch.cat([torch.zeros(20, 1), outputs], dim=1)
    expected = Multiclass(2, class_weights=[0.5, 4.0]).loss(as_two, targets)
    task = Binary(class_weights=[0.5, 4.0])
    torch.testing.assert_close(task.loss(outputs, targets.reshape(shape).to(dtype)), expected)


def _weighted(name):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (100,), generator=generator)
    if name == "binary":
        return Binary(class_weights=[0.5, 4.0]), torch.randn(100, 1, generator=generator), targets
    outputs = torch.randn(100, 3, generator=generator)
    if name == "soft":
        targets = torch.rand(100, 3, generator=generator).softmax(dim=1)
    return Multiclass(3, class_weights=[0.5, 1.0, 4.0]), outputs, targets


@pytest.mark.parametrize("name", ["binary", "multiclass", "soft"])
@pytest.mark.parametrize("sizes", [[100], [1, 60, 39], [1] * 100])
def test_the_mean_loss_of_batches_is_the_weighted_mean_of_all_samples(name, sizes):
    task, outputs, targets = _weighted(name)
    metrics = task.metrics("")
    for some, wanted in zip(outputs.split(sizes), targets.split(sizes), strict=True):
        metrics.update(**task.metric_inputs(task.loss(some, wanted), some, wanted))
    assert metrics.compute()["loss"].item() == pytest.approx(task.loss(outputs, targets).item(), rel=1e-6)


# Choosing


def test_the_usual_loss_comes_first():
    assert [loss_names(task)[0] for task in ("multiclass", "binary", "regression")] == [
        "cross_entropy", "binary_cross_entropy", "mse",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        ("regression", "smoth_l1", "Unknown loss of task 'regression': 'smoth_l1'. Did you mean 'smooth_l1'?"),
        ("multiclass", "mse", "Unknown loss of task 'multiclass': 'mse'. There are: cross_entropy. Task 'regres"),
        ("regression", "huber(beta=1)", "Unknown argument of huber (in loss): 'beta'."),
        ("regression", "huber(delta=0)", "loss.delta: expected a number above 0, got 0."),
        ("regression", "smooth_l1(beta=-1)", "loss.beta: expected a number at least 0, got -1."),
        ("regression", "mse(2)", "loss: expected mse without arguments, got 'mse(2)'."),
        ("multiclass", "cross_entropy(label_smoothing=1.0)", "loss.label_smoothing: expected a number at least "),
    ],
)  # fmt: skip
def test_a_wrong_loss_is_named(task, text, message):
    with pytest.raises((ArgumentError, UnknownNameError)) as caught:
        make_loss(task, text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("task", "num_classes", "weights", "message"),
    [
        ("multiclass", 3, [1.0, 2.0], "class_weights: expected 3 numbers, one for each class, got [1.0, 2.0]."),
        ("binary", None, [1.0], "class_weights: expected 2 numbers, one for each class, got [1.0]."),
        ("binary", None, [1.0, 0.0], "class_weights[1]: expected a number above 0, got 0.0."),
        ("binary", None, [1.0, math.nan], "class_weights[1]: expected a number above 0, got nan."),
        ("regression", None, [1.0], "class_weights: expected null for task 'regression', which has no classes, got"),
    ],
)
def test_weights_that_do_not_fit_are_named(task, num_classes, weights, message):
    with pytest.raises(ArgumentError) as caught:
        make_task(task, num_classes, class_weights=weights)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("task", "outputs", "targets"),
    [
        (Multiclass(3), torch.zeros(4, 3), torch.zeros(4, 2)),
        (Binary(), torch.zeros(4, 1), torch.zeros(4, 2)),
        (Regression(2), torch.zeros(4, 2), torch.zeros(4)),
    ],
    ids=["multiclass", "binary", "regression"],
)
def test_targets_of_another_shape_are_named(task, outputs, targets):
    with pytest.raises(ArgumentError, match=r"^targets: expected .*, got \(4"):
        task.loss(outputs, targets)
