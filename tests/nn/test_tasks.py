import math

import pytest
import torch
from torch import Tensor

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn import Binary, Multiclass, Regression, make_task


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_cross_entropy_of_the_lesson():
    scores = torch.tensor([[0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    loss = Multiclass(3).loss(scores, torch.tensor([1, 2]))
    assert loss.item() == pytest.approx(0.6177929639816284, abs=1e-6)


def test_binary_cross_entropy_of_the_lesson():
    scores = torch.tensor([[_logit(0.4)], [_logit(0.6)]])
    loss = Binary().loss(scores, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(0.5108255743980408, abs=1e-6)


def test_squared_and_absolute_error_of_the_lesson():
    task = Regression()
    outputs, targets = torch.tensor([[1.0], [1.0]]), torch.tensor([0.0, 0.0])
    loss = task.loss(outputs, targets)
    assert loss.item() == 1.0
    metrics = task.metrics("")
    metrics.update(**task.metric_inputs(loss, outputs, targets))
    assert metrics.compute()["mae"] == 1.0


def test_sure_and_wrong_answers_have_finite_losses():
    # Softmax and sigmoid inside the loss: e^1000 is never computed.
    assert Multiclass(2).loss(torch.tensor([[1000.0, -1000.0]]), torch.tensor([1])).item() == 2000
    assert Binary().loss(torch.tensor([[-1000.0]]), torch.tensor([1])).item() == 1000


def test_answers_are_probabilities_of_classes_and_numbers():
    torch.testing.assert_close(
        Multiclass(3).predict(torch.tensor([[0.0, 0.0, math.log(2)]])), torch.tensor([[0.25, 0.25, 0.5]])
    )
    torch.testing.assert_close(
        Binary().predict(torch.tensor([[_logit(0.9)], [0.0]])), torch.tensor([[0.1, 0.9], [0.5, 0.5]])
    )
    assert Regression(2).predict(torch.tensor([[3.5, -1.0]])).tolist() == [[3.5, -1.0]]


@pytest.mark.parametrize(
    "targets", [torch.tensor([1, 0, 1]), torch.tensor([1.0, 0.0, 1.0]), torch.tensor([[1], [0], [1]])]
)
def test_binary_targets_may_be_of_any_type_and_shape(targets: Tensor):
    scores = torch.tensor([[1.0], [2.0], [3.0]])
    expected = torch.nn.functional.softplus(torch.tensor([-1.0, 2.0, -3.0])).mean()
    torch.testing.assert_close(Binary().loss(scores, targets), expected)


def test_regression_of_several_outputs_averages_over_all_numbers():
    loss = Regression(2).loss(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [0.0, 0.0]]))
    assert loss.item() == (1 + 4 + 9 + 16) / 4


CLASSES, NUMBERS = {"loss", "accuracy"}, {"loss", "errors"}


@pytest.mark.parametrize(
    ("name", "num_classes", "kind", "out_features", "metrics"),
    [
        ("multiclass", 10, Multiclass, 10, CLASSES),
        ("multiclass", 2, Multiclass, 2, CLASSES),
        ("binary", None, Binary, 1, CLASSES),
        ("binary", 2, Binary, 1, CLASSES),
        ("regression", None, Regression, 1, NUMBERS),
        ("regression", 3, Regression, 3, NUMBERS),
    ],
)
def test_a_name_gives_the_task_with_its_output_layer_and_metrics(name, num_classes, kind, out_features, metrics):
    task = make_task(name, num_classes)
    assert type(task) is kind
    assert task.out_features == out_features
    assert set(task.metrics("train/")) == {f"train/{each}" for each in metrics}


@pytest.mark.parametrize(
    ("name", "num_classes", "message"),
    [
        ("multiclass", None, "num_classes: expected the number of classes, got "),
        ("multiclass", 1, "num_classes: expected a number at least 2, got 1."),
        ("binary", 3, "num_classes: expected 2 for task 'binary', got 3. Use task 'multiclass' for more."),
        ("regression", 0, "num_classes: expected a number at least 1, got 0."),
    ],
)
def test_refuses_a_number_of_classes_that_does_not_fit(name, num_classes, message):
    with pytest.raises(ArgumentError) as caught:
        make_task(name, num_classes)
    assert str(caught.value).startswith(message)


def test_refuses_a_task_that_does_not_exist():
    with pytest.raises(UnknownNameError, match=r"^Unknown task: 'multiclas'\. Did you mean 'multiclass'\?$"):
        make_task("multiclas", 10)


def test_gradients_of_a_loss_are_means_over_the_batch():
    scores = torch.zeros(4, 2, requires_grad=True)
    Multiclass(2).loss(scores, torch.tensor([0, 0, 1, 1])).backward()
    torch.testing.assert_close(scores.grad, torch.tensor([[-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, -1.0]]) / 8)
