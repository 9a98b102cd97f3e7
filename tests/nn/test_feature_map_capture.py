from itertools import product

import pytest
import torch
from torch import nn

from dlcore.nn import layer_geometry, output_size, size_formula

GRID = [
    (size, kernel, padding, stride)
    for size, kernel, padding, stride in product((5, 8, 28), (1, 2, 3, 5), (0, 1, 2), (1, 2, 3))
    if kernel <= size + 2 * padding
]


def test_the_lessons_five_pixels_stay_five():
    assert output_size(5, kernel_size=3, stride=1, padding=1) == 5
    assert nn.Conv2d(1, 1, 3, padding=1)(torch.zeros(1, 1, 5, 5)).shape == (1, 1, 5, 5)


def test_the_formula_is_what_torch_does():
    for case in GRID:
        size, kernel, padding, stride = case
        picture = torch.zeros(1, 1, size, size + 3)
        sizes = tuple(output_size(length, kernel, stride, padding) for length in (size, size + 3))
        assert nn.Conv2d(1, 1, kernel, stride, padding)(picture).shape[2:] == sizes, case
        if 2 * padding <= kernel:  # torch pads a pooling no further
            assert nn.MaxPool2d(kernel, stride, padding)(picture).shape[2:] == sizes, case
            assert nn.AvgPool2d(kernel, stride, padding)(picture).shape[2:] == sizes, case


@pytest.mark.parametrize(("kernel", "stride"), [(6, 1), (6, 3), (9, 2)])
def test_a_kernel_that_does_not_fit_gives_less_than_one(kernel, stride):
    assert output_size(5, kernel, stride) < 1


def test_dilation_stretches_the_kernel():
    assert output_size(9, 3, dilation=2) == nn.Conv2d(1, 1, 3, dilation=2)(torch.zeros(1, 1, 9, 9)).shape[-1] == 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((5, 3, 1, 1), "(5 − 3 + 2·1)/1 + 1 = 5"),
        ((7, 2, 2, 0), "⌊(7 − 2 + 2·0)/2⌋ + 1 = 3"),
        ((9, 3, 1, 0, 2), "(9 − 5 + 2·0)/1 + 1 = 5"),
    ],
)
def test_the_formula_is_shown_with_its_numbers(arguments, text):
    assert size_formula(*arguments) == text


def test_the_geometry_of_a_layer_has_both_directions():
    height, width = layer_geometry(nn.Conv2d(1, 2, (3, 5), (1, 2), (0, 2)))
    assert height == {"kernel_size": 3, "stride": 1, "padding": 0, "dilation": 1}
    assert width == {"kernel_size": 5, "stride": 2, "padding": 2, "dilation": 1}
    assert layer_geometry(nn.AvgPool2d(3, 2))[0] == {"kernel_size": 3, "stride": 2, "padding": 0, "dilation": 1}


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(3, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv1d(1, 1, 3),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(1, 1, 3, padding="same"),
    ],
)
def test_layers_that_the_formula_does_not_describe_have_none(layer):
    assert layer_geometry(layer) is None
