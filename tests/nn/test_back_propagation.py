"""Lessons of the chapter "networks from neurons", and of back-propagation by hand, on dlcore's own network."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from dlcore.nn import Regression, perceptron

pytestmark = pytest.mark.usefixtures("one_thread")


def _sigmoid_network() -> nn.Sequential:
    network = perceptron(2, [2], 2, "Sigmoid").append(nn.Sigmoid())
    with torch.no_grad():
        network.linear_1.weight.copy_(torch.tensor([[0.15, 0.20], [0.25, 0.30]]))
        network.output.weight.copy_(torch.tensor([[0.40, 0.45], [0.50, 0.55]]))
        network.linear_1.bias.fill_(0.35)
        network.output.bias.fill_(0.60)
    return network


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 4) for value in values.flatten().tolist()]


def test_one_step_of_back_propagation_gives_the_lessons_numbers():
    network = _sigmoid_network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    outputs = network(torch.tensor([[0.05, 0.10]]))
    loss = ((outputs - torch.tensor([[0.01, 0.99]])) ** 2).sum() / 2
    assert _rounded(outputs) == [0.7514, 0.7729]
    assert round(loss.item(), 4) == 0.2984
    loss.backward()
    optimizer.step()
    assert _rounded(network.linear_1.weight) == [0.1498, 0.1996, 0.2498, 0.2995]
    assert _rounded(network.output.weight) == [0.3589, 0.4087, 0.5113, 0.5614]


def test_gradients_worked_out_by_hand_equal_autograd():
    # Linear, ReLU, linear, mean squared error: the chain rule, written down.
    network, task = perceptron(6, [9], 3).double(), Regression(3)
    inputs, targets = torch.randn(11, 6, dtype=torch.float64), torch.randn(11, 3, dtype=torch.float64)
    outputs = network(inputs)
    task.loss(outputs, targets).backward()
    with torch.no_grad():
        sums = network.linear_1(inputs)
        hidden = sums.clamp(min=0)
        to_outputs = 2 * (outputs - targets) / outputs.numel()
        to_sums = (to_outputs @ network.output.weight) * (sums > 0)
    torch.testing.assert_close(network.output.weight.grad, to_outputs.T @ hidden)
    torch.testing.assert_close(network.output.bias.grad, to_outputs.sum(dim=0))
    torch.testing.assert_close(network.linear_1.weight.grad, to_sums.T @ inputs)
    torch.testing.assert_close(network.linear_1.bias.grad, to_sums.sum(dim=0))


def test_two_layers_of_sigmoids_learn_by_plain_gradient_descent():
    # The lesson: four samples, squared error, 1,500 iterations.
    inputs = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    targets = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    network = perceptron(3, [4], 1, "Sigmoid").append(nn.Sigmoid())
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -2, 2, generator=generator)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    losses = []
    for _ in range(1500):
        optimizer.zero_grad()
        loss = ((network(inputs) - targets) ** 2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(later < earlier for earlier, later in pairwise(losses))
    assert (network(inputs) - targets).abs().max() < 0.2


def test_linear_regression_converges_to_the_least_squares_plane():
    inputs = torch.tensor([[0.0, 3.0], [1.0, 3.0], [2.0, 3.0], [3.0, 2.0], [4.0, 4.0]])
    targets = torch.tensor([[95.364], [97.217205], [75.195834], [60.105519], [49.342380]])
    network, task = perceptron(2, [], 1), Regression()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    before, change = float("inf"), float("inf")
    while change >= 1e-4:
        optimizer.zero_grad()
        loss = task.loss(network(inputs), targets)
        loss.backward()
        optimizer.step()
        before, change = loss.item(), abs(before - loss.item())
    with_ones = torch.cat([inputs, torch.ones(5, 1)], dim=1)
    plane = torch.linalg.lstsq(with_ones, targets).solution
    best = task.loss(with_ones @ plane, targets).item()
    assert best <= before < best * 1.1
