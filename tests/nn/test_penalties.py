"""Penalties: the textbook's sums, worked out on numbers that a person can check."""

import math

import pytest
import torch
from torch import nn

from dlcore.errors import ArgumentError
from dlcore.nn import Penalty, perceptron

# Norms of the two: Σ|w| 7 and 5, Σw² 25 and 25, so ‖p‖₂ 5 and 5.
WEIGHT, BIAS = torch.tensor([[3.0, -4.0], [0.0, 0.0]]), torch.tensor([5.0, 0.0])


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (Penalty(l1=0.0001), 0.0001 * 12),
        (Penalty(l2=0.01, l2_form="norms"), 0.01 * 10),
        (Penalty(l2=0.01), 0.01 * 50),
        (Penalty(l1=1, l2=0.5, l2_form="norms"), 12 + 5),
        (Penalty(l1=1, l2=0.5, l2_form="squares"), 12 + 25),
    ],
)
def test_has_the_textbooks_value(penalty, value):
    assert penalty
    assert penalty([WEIGHT, BIAS]).item() == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("penalty", "gradient"),
    [
        (Penalty(l1=0.5), [[0.5, -0.5], [0, 0]]),
        (Penalty(l2=0.5), [[3, -4], [0, 0]]),
        (Penalty(l2=0.5, l2_form="norms"), [[0.3, -0.4], [0, 0]]),
    ],
)
def test_pulls_as_its_form_says_and_nothing_where_a_number_is_zero(penalty, gradient):
    weight, zeros = nn.Parameter(WEIGHT.clone()), nn.Parameter(torch.zeros(3))
    penalty([weight, zeros]).backward()
    torch.testing.assert_close(weight.grad, torch.tensor(gradient, dtype=torch.float32))
    assert zeros.grad.tolist() == [0, 0, 0]  # the norm of zeros has no slope: a NaN here would end the training


def test_squares_equal_weight_decay_of_twice_the_factor_in_sgd():
    weights = [nn.Parameter(WEIGHT.clone()) for _ in range(2)]
    by_penalty, by_decay = torch.optim.SGD(weights[:1], lr=0.1), torch.optim.SGD(weights[1:], lr=0.1, weight_decay=0.04)
    for _ in range(3):
        by_penalty.zero_grad()
        Penalty(l2=0.02)(weights[:1]).backward()
        by_penalty.step()
        weights[1].grad = torch.zeros(2, 2)
        by_decay.step()
    torch.testing.assert_close(weights[0], weights[1])


@pytest.mark.parametrize(
    ("penalized", "names"),
    [
        ("all", ["linear_1.weight", "batch_norm_1.weight", "batch_norm_1.bias", "output.weight", "output.bias"]),
        ("weights", ["linear_1.weight", "output.weight"]),
        ("linear_*", ["linear_1.weight"]),
        ("*.bias", ["batch_norm_1.bias", "output.bias"]),
    ],
)  # fmt: skip
def test_takes_the_parameters_that_were_chosen(penalized, names):
    network = perceptron(3, [2], 2, batch_norm=True)
    chosen = Penalty(l2=1, penalized=penalized).select(network.named_parameters())
    by_name = dict(network.named_parameters())
    assert [id(parameter) for parameter in chosen] == [id(by_name[name]) for name in names]


def test_parameters_that_do_not_learn_are_left_alone():
    network = perceptron(3, [2], 2)
    network.linear_1.requires_grad_(False)
    assert len(Penalty(l2=1).select(network.named_parameters())) == 2


def test_without_factors_there_is_nothing_to_add():
    assert not Penalty()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l1": -1.0}, "l1: expected a number at least 0, got -1.0."),
        ({"l2": math.nan}, "l2: expected a number at least 0, got nan."),
        ({"l2_form": "norm"}, "l2_form: expected squares or norms, got 'norm'."),
    ],
)
def test_impossible_settings_are_named(arguments, message):
    with pytest.raises(ArgumentError) as caught:
        Penalty(**arguments)
    assert str(caught.value) == message


def test_a_choice_that_fits_nothing_is_named_with_the_names_that_there_are():
    with pytest.raises(ArgumentError) as caught:
        Penalty(l1=1, penalized="conv*").select(perceptron(3, [2], 2).named_parameters())
    assert str(caught.value) == (
        "penalized: expected all, weights, or a pattern that fits a parameter's name, got 'conv*'. There are: "
        "linear_1.weight, linear_1.bias, output.weight, output.bias."
    )
