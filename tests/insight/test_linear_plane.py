"""The plane that was learned, beside the least-squares plane of the textbook's five points."""

import pytest
import torch
from torch import nn

from dlcore.data import Table
from dlcore.insight.linear_plane import planes

# Columns x1, x2 and 1, for the normal equations: another way than that of the code.
POINTS = torch.tensor([[0.0, 3, 1], [1, 3, 1], [2, 3, 1], [3, 2, 1], [4, 4, 1]], dtype=torch.float64)
Y = torch.tensor([95.364, 97.217205, 75.195834, 60.105519, 49.342380], dtype=torch.float64)


def five_points(**settings):
    data = Table(builtin="linear_regression", val_size=0, test_size=0, **settings)
    data.facts()
    return data


def numbers(line):
    _, _, formula = line.partition(" = ")
    words = formula.replace("− ", "-").replace("+ ", "").replace("−", "-").split()
    return float(words[0]), float(words[1]), float(words[3])


@pytest.mark.parametrize("standardize", [True, False])
def test_the_least_squares_plane_is_in_the_columns_own_units(standardize):
    slope_1, slope_2, constant = torch.linalg.solve(POINTS.T @ POINTS, POINTS.T @ Y).tolist()
    found = planes(nn.Linear(2, 1), five_points(standardize=standardize))
    assert numbers(found["least squares"]) == pytest.approx((constant, slope_1, slope_2), rel=1e-4)
    assert found["least squares"].startswith("y = ")
    assert found["least squares"].endswith("(rmse 4.8367 on the 5 training rows)")


def test_the_learned_plane_is_the_layers_own():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-2.0, 0.5]]))
        layer.bias.fill_(-3.0)
    found = planes(nn.Sequential(nn.Flatten(), layer), five_points(standardize=False))
    assert found["learned"].startswith("y = −3 − 2 x1 + 0.5 x2 (rmse ")


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)),
        nn.Sequential(nn.Linear(2, 1), nn.Hardtanh()),
        nn.Linear(2, 2),
        nn.Linear(2, 1, bias=False),
    ],
)
def test_what_is_no_plane_has_none(network):
    nn.init.constant_(next(network.parameters()), 5.0)
    assert planes(network, five_points()) == {}


def test_other_data_have_no_plane():
    assert planes(nn.Linear(2, 1), object()) == {}
