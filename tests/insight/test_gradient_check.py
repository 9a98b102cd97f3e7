"""Right gradients agree, wrong ones are found, and what has no gradient is not judged."""

import pytest
import torch
from torch import nn

from dlcore.errors import ArgumentError, FitError
from dlcore.insight import check_gradients
from dlcore.insight.short_training import first_samples
from dlcore.models import MLP, Model
from dlcore.nn import activation_names, make_task


@pytest.fixture
def samples(one_thread):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 4, generator=generator), torch.randint(3, (8,), generator=generator)


def by_name(report):
    return {group.name.removeprefix("network."): group for group in report.groups}


@pytest.mark.parametrize("activation", activation_names())
def test_every_activation_agrees(activation, samples):
    torch.manual_seed(3)
    assert check_gradients(MLP([5], activation, in_features=4, num_classes=3), *samples).agrees


@pytest.mark.parametrize(
    ("task", "targets"),
    [
        ("binary", torch.tensor([0, 1] * 4)),
        ("regression", torch.arange(8.0)),
        ("regression", torch.arange(8.0)[:, None]),
    ],
)
def test_every_task_agrees(task, targets, samples):
    report = check_gradients(MLP([6], in_features=4, task=task), samples[0], targets)
    assert report.agrees
    assert [(group.checked, group.shape) for group in report.groups] == [
        (20, (6, 4)),
        (6, (6,)),
        (6, (1, 6)),
        (1, (1,)),
    ]


def test_dropout_is_off_and_batch_norm_as_in_training(samples):
    model = MLP([6], batch_norm=True, dropout=0.5, input_dropout=0.2, in_features=4, num_classes=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = check_gradients(model, *samples)
    assert report.agrees
    assert "Dropout is off" in report.remarks[0]
    assert "mean and variance of these 8 samples" in report.remarks[1]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.dtype == before[name].dtype for name, value in model.state_dict().items())
    assert model.training


def test_a_penalty_is_part_of_the_loss(samples):
    class Squares:
        def select(self, named):
            return [parameter for _, parameter in named]

        def __call__(self, parameters):
            return sum(parameter.square().sum() for parameter in parameters)

    model = MLP([6], in_features=4, num_classes=3)
    without = check_gradients(model, *samples)
    model.penalty = Squares()
    report = check_gradients(model, *samples)
    assert report.agrees
    assert report.loss > without.loss + 0.1


def test_one_sample_has_no_variance(samples):
    model = MLP([6], batch_norm=True, in_features=4, num_classes=3)
    report = check_gradients(model, samples[0][:1], samples[1][:1])
    assert report.agrees
    assert "running mean and variance" in report.remarks[0]


class WrongSquare(torch.autograd.Function):
    """x² with the derivative of a textbook's misprint."""

    factor = 1.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * 2 * x * WrongSquare.factor


class Square(nn.Module):
    def forward(self, x):
        return WrongSquare.apply(x)


@pytest.mark.parametrize("factor", [0.5, -1.0, 0.0, 1.001])
def test_a_wrong_backward_is_found_in_all_layers_below_it(factor, samples, monkeypatch):
    monkeypatch.setattr(WrongSquare, "factor", factor)
    model = MLP([6, 5], in_features=4, num_classes=3)
    model.network.activation_2 = Square()
    report = check_gradients(model, *samples)
    assert not report.agrees
    verdicts = {name: group.agrees for name, group in by_name(report).items()}
    below = ("linear_1.weight", "linear_1.bias", "linear_2.weight", "linear_2.bias")
    assert verdicts == {**dict.fromkeys(below, False), "output.weight": True, "output.bias": True}
    # An error of 0.1% is one of about 0.001, relative.
    assert by_name(report)["linear_2.weight"].greatest_error == pytest.approx(
        abs(1 - factor) / max(1, abs(factor)), rel=0.3
    )


def test_the_right_backward_agrees(samples):
    model = MLP([6], in_features=4, num_classes=3)
    model.network.activation_1 = Square()
    assert check_gradients(model, *samples).agrees


class OneWeight(Model):
    """Predicts relu(w · x) with one weight; at w = 0 its loss has a kink."""

    def __init__(self, weight):
        super().__init__(make_task("regression", 1), torch.optim.SGD, None)
        self.weight = nn.Parameter(torch.tensor([weight], dtype=torch.float64))

    def forward(self, inputs):
        return (inputs * self.weight).relu()


@pytest.mark.parametrize("weight", [0.0, 1e-9, -1e-9])
def test_an_entry_on_a_kink_is_not_judged(weight):
    report = check_gradients(OneWeight(weight), torch.ones(4, 1), -torch.ones(4))
    (group,) = report.groups
    assert (group.kinks, group.checked, group.agrees) == (1, 0, None)
    assert report.agrees


@pytest.mark.parametrize("distance", [3e-6, -3e-6, 5e-7, -5e-7])
def test_a_kink_beside_an_entry_is_stepped_around(distance):
    (group,) = check_gradients(OneWeight(distance), torch.ones(4, 1), -torch.ones(4)).groups
    assert (group.kinks, group.checked, group.agrees) == (0, 1, True)


def test_the_choice_of_entries_comes_from_the_seed_and_is_as_large_as_asked(samples):
    model = MLP([60], in_features=4, num_classes=3)
    first, again, other = (check_gradients(model, *samples, entries=7, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert [group.checked for group in first.groups] == [7, 7, 7, 3]


def test_a_loss_that_is_not_finite_is_said(samples):
    with pytest.raises(FitError, match="The loss of the first samples is nan"):
        check_gradients(MLP([6], in_features=4, num_classes=3), samples[0] * torch.nan, samples[1])
    with pytest.raises(ArgumentError, match="entries: expected a number at least 1, got 0"):
        check_gradients(MLP([6], in_features=4, num_classes=3), *samples, entries=0)


def test_samples_are_those_of_the_training(tiny_data):
    inputs, targets = first_samples(tiny_data(), 8)
    assert (inputs.shape, targets.shape) == ((8, 4), (8,))
    assert check_gradients(MLP([6], in_features=4, num_classes=3), inputs, targets).agrees
