"""Attribution against known answers: linear networks, networks that look at one place, maps that are right or wrong."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from dlcore.data.images import circles
from dlcore.errors import ArgumentError, FitError, UnknownNameError
from dlcore.insight import attribute
from dlcore.insight.attribution.checks import check_map, randomized
from dlcore.insight.attribution.methods import last_feature_maps
from dlcore.insight.attribution.pictures import mass_within
from dlcore.insight.attribution.reading import Reading
from dlcore.models import CNN, MLP

ROWS = Reading("regression")


class Corner(nn.Module):
    """Scores of two classes: the second is the mean brightness of the upper left quarter, by a convolution of 1 × 1."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 1, bias=False)
        self.activation = nn.ReLU()
        self.pool = nn.AvgPool2d(4)
        with torch.no_grad():
            self.convolution.weight.copy_(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))

    def forward(self, pictures):
        return self.pool(self.activation(self.convolution(pictures)))[:, :, 0, 0] * 8


@pytest.mark.parametrize("task", ["multiclass", "binary"])
@pytest.mark.parametrize("are_probabilities", [False, True])
def test_evidence_is_the_log_odds_of_the_probability(task, are_probabilities):
    scores = torch.randn(5, 1 if task == "binary" else 3, generator=torch.Generator().manual_seed(0))
    plain = Reading(task)
    outputs = scores
    if are_probabilities:
        outputs = plain.probabilities(scores)[:, 1:] if task == "binary" else plain.probabilities(scores)
    reading = Reading(task, are_probabilities)
    answers = torch.tensor([0, 1, 1, 0, 1])
    shares = reading.strength(outputs, answers)
    assert torch.allclose(reading.evidence(outputs, answers), (shares / (1 - shares)).log(), atol=1e-4)
    assert torch.equal(reading.answers(outputs), plain.probabilities(scores).argmax(1))


def test_outputs_are_read_by_the_task_or_the_targets():
    classes, numbers = torch.tensor([0, 1]), torch.tensor([0.5, 1.5])
    scores = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
    assert Reading.of(nn.Identity(), scores, classes) == Reading("multiclass")
    assert Reading.of(nn.Identity(), scores.softmax(1), classes) == Reading("multiclass", are_probabilities=True)
    assert Reading.of(nn.Identity(), scores, numbers) == Reading("regression")
    assert Reading.of(nn.Identity(), scores[:, :1], classes) == Reading("binary")
    assert Reading.of(MLP(in_features=2, task="binary"), scores[:, :1], numbers) == Reading("binary")
    assert Reading.of(MLP(in_features=2, task="regression"), scores[:, :1]) == Reading("regression")


def test_integrated_gradients_of_a_linear_network_are_weight_times_difference():
    network = nn.Linear(3, 1)
    inputs, baseline = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 0.0, 0.5]])
    found = attribute(network, inputs, torch.tensor([0]), baseline=baseline, reading=ROWS)["integrated_gradients"]
    assert torch.allclose(found, network.weight.detach() * (inputs - baseline), atol=1e-5)
    occluded = attribute(network, inputs, torch.tensor([0]), ["occlusion"], baseline, ROWS)["occlusion"]
    assert torch.allclose(occluded, network.weight.detach() * (inputs - baseline), atol=1e-5)


def test_integrated_gradients_sum_to_the_difference_of_the_answers():
    torch.manual_seed(0)
    network = MLP(in_features=6, hidden_sizes=[16], num_classes=3)
    inputs = torch.randn(4, 6)
    answers = network(inputs).argmax(1)
    found = attribute(network, inputs)["integrated_gradients"]
    reading = Reading("multiclass")
    difference = reading.evidence(network(inputs), answers) - reading.evidence(
        network(torch.zeros(1, 6)).expand(4, -1), answers
    )
    assert torch.allclose(found.sum(1), difference.detach(), atol=0.05)


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_the_map_lies_where_the_network_looks(method):
    pictures = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.5
    found = attribute(Corner(), pictures, torch.tensor([1, 1]), [method])[method]
    assert found.shape == (2, 8, 8)
    corner = torch.zeros(8, 8, dtype=torch.bool)
    corner[:4, :4] = True
    assert mass_within(found[0], corner) > 0.8  # a window reaches beyond it by a pixel
    against = attribute(Corner(), pictures, torch.tensor([0, 0]), [method])[method]
    assert torch.allclose(against, -found, atol=1e-3)


def test_grad_cam_weighs_maps_by_their_mean_gradient():
    picture = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = attribute(Corner(), picture, torch.tensor([1]), ["grad_cam"])["grad_cam"]
    # The second map is the picture; its mean gradient is the same for each pixel: 8/16 of a quarter of the pixels.
    assert torch.allclose(found, 8 / 64 * picture[:, 0], atol=1e-5)


def test_last_feature_maps_are_those_after_the_activation_and_before_the_pooling():
    network = CNN(channels=[4, 6], image_shape=[1, 12, 12], num_classes=2, batch_norm=True)
    layer = last_feature_maps(network, torch.zeros(1, 1, 12, 12))
    assert isinstance(layer, nn.ReLU)
    assert layer is [each for each in network.modules() if isinstance(each, nn.ReLU)][-1]


def test_frozen_networks_and_networks_in_training_are_explained_and_left_as_they_are():
    network = CNN(channels=[4], image_shape=[1, 8, 8], num_classes=2, dropout=0.5)
    network.requires_grad_(False).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    methods = ["grad_cam", "integrated_gradients", "occlusion"]
    first, second = (attribute(network, torch.ones(1, 1, 8, 8), methods=methods) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in methods)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_wrong_arguments_of_attribute():
    network = MLP(in_features=64, num_classes=2)
    with pytest.raises(ArgumentError, match="--method: expected integrated_gradients or occlusion"):
        attribute(network, torch.zeros(1, 1, 8, 8), methods=["grad_cam"])
    with pytest.raises(UnknownNameError, match="Did you mean 'grad_cam'"):
        attribute(network, torch.zeros(1, 64), methods=["gradcam"])
    with pytest.raises(ArgumentError, match="inputs: expected pictures"):
        attribute(network, torch.zeros(1, 64, dtype=torch.long))
    with pytest.raises(FitError, match=r"expected a forward\(\) that gives scores \(N, K\)"):
        attribute(nn.Flatten(0), torch.zeros(2, 64))


# Checks of maps


def strength_without(weights):
    """The strength of an answer that is the sum of the weights of what is left."""
    return lambda masks: (weights * ~masks).flatten(1).sum(1)


@pytest.mark.parametrize("shape", [(20,), (8, 8)])
def test_a_right_map_passes_and_its_contrary_fails(shape):
    draws = torch.Generator().manual_seed(0)
    weights = torch.rand(shape, generator=draws)
    others = [torch.rand(shape, generator=draws) for _ in range(3)]
    check = check_map(weights, strength_without(weights), others)
    assert check.fails == []
    assert check.deleted < check.at_random < check.before
    assert check.count == round(0.2 * weights.numel())
    wrong = check_map(-weights, strength_without(weights), others)
    assert wrong.fails == ["deleting what it marks changes the answer no more than deleting at random"]


def test_a_map_that_any_network_gives_fails():
    weights = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    check = check_map(weights, strength_without(weights), [weights * 2, weights.sqrt()])
    assert check.correlation == pytest.approx(1)
    assert check.fails == ["a network with random weights gives nearly the same map"]


def test_a_map_that_is_the_same_everywhere_fails_and_two_parts_are_too_few():
    flat = torch.zeros(8, 8)
    check = check_map(flat, strength_without(torch.ones(8, 8)), [flat])
    assert math.isnan(check.correlation)
    assert check.fails
    few = check_map(torch.ones(2), strength_without(torch.ones(2)), [])
    assert (few.count, few.fails) == (0, [])


def test_rows_are_checked_each_by_its_own_most_important_columns():
    weights = torch.rand(30, 10, generator=torch.Generator().manual_seed(0))

    def delete(masks):
        return (weights * ~masks).sum(2).mean(1)  # of all rows

    noise = [torch.rand(30, 10, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2, 3)]
    assert check_map(weights, delete, noise, by_row=True).fails == []
    assert check_map(-weights, delete, noise, by_row=True).fails


def test_randomised_weights_are_the_same_numbers_in_another_order():
    network = MLP(in_features=8, hidden_sizes=[8], num_classes=2)
    before = {name: value.clone() for name, value in network.named_parameters()}
    other = dict(randomized(network, 0).named_parameters())
    for name, value in network.named_parameters():
        assert torch.equal(value, before[name])
        assert torch.equal(value.flatten().sort().values, other[name].flatten().sort().values)
    assert any(not torch.equal(value, other[name]) for name, value in before.items())


# Circles


def test_the_ring_of_a_picture_is_a_ring_around_its_circle():
    for number in (0, 2, 248, 250):
        line = circles.circle_ring("test", number, width=1.0)
        y, x = np.nonzero(line)
        distances = np.hypot(y - y.mean(), x - x.mean())
        assert distances.std() < 1
        assert 5 - 1 < distances.mean() < 10 + 1
        assert line.sum() < circles.circle_ring("test", number).sum() < 0.5 * circles.SIDE**2
    with pytest.raises(ArgumentError, match="a picture with a circle, got 3"):
        circles.circle_ring("test", 3)


def draw_shapes(count, seed, side=32):
    """Pictures (N, 1, S, S) of a square and of a circle (class 0) or a triangle (1), and where their lines lie."""
    draws = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    pictures = draws.normal(0, 0.1, (count, 1, side, side))
    lines = np.zeros((2, count, side, side), dtype=bool)
    for number in range(count):
        turned, left = draws.uniform(0, 2 * np.pi), draws.integers(2)
        down, across = y - draws.uniform(7, 24), x - draws.uniform(7, 9) - 16 * left
        sides = [3.9 - down * np.sin(turned + k * 2.1) - across * np.cos(turned + k * 2.1) for k in range(3)]
        shape = np.min(sides, axis=0) if number % 2 else 5 - np.hypot(down, across)
        down, across = y - draws.uniform(6, 25), x - draws.uniform(6, 9) - 16 * (1 - left)
        square = 4.4 - np.maximum(abs(down), abs(across))
        pictures[number, 0] += (shape > 0) + 1.0 * (square > 0)
        lines[:, number] = abs(shape) <= 2.5, abs(square) <= 2.5
    return torch.tensor(pictures, dtype=torch.float32), torch.arange(count) % 2, torch.tensor(lines)


@pytest.mark.process
@pytest.mark.outcome
def test_the_map_of_a_trained_network_lies_on_the_circle_not_on_the_square(one_thread):
    pictures, classes, _ = draw_shapes(1500, 0)
    torch.manual_seed(0)
    network = CNN(channels=[8, 16, 32], kernel_size=[5, 3, 3], image_shape=[1, 32, 32], num_classes=2)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(5):
        for batch in torch.randperm(len(pictures)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(pictures[batch]), classes[batch]).backward()
            optimizer.step()
    new, _, (circle, square) = draw_shapes(80, 1)
    maps = attribute(network, new[::2], torch.zeros(40, dtype=torch.long), ["grad_cam"])["grad_cam"]
    on_circle, on_square = (
        np.nanmean([mass_within(each, line) for each, line in zip(maps, lines[::2], strict=True)])
        for lines in (circle, square)
    )
    area = float(circle[::2].float().mean())
    assert on_circle > 1.5 * area
    assert on_circle > 1.3 * on_square
