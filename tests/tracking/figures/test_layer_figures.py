import math

import numpy as np
import pytest
import torch
from drawn import count_pixels, picture, texts

from dlcore.errors import ArgumentError
from dlcore.tracking import count_histogram, layer_maps, layer_overview, parameter_histograms
from dlcore.tracking.figures import LayerMap, style
from dlcore.tracking.histogram import Distributions
from dlcore.tracking.layer_table import COLUMNS


def one_map(values, layers, steps, title="t", label="l", **settings):
    return layer_maps([LayerMap(title, label, values, layers, steps, **settings)])


def test_layer_maps_give_nan_infinity_and_zero_their_own_colours():
    values = [[1e-3, math.nan, 1.0, 0.0], [1e-2, 1e-1, math.inf, 1.0]]
    figure = one_map(values, ["first", "second"], [0, 10, 20, 30], "Gradient norm", "L2 norm")
    assert {"first", "second", "NaN", "infinite", "zero", "Gradient norm", "L2 norm", "step", "30"} <= texts(figure)
    image = picture(figure)
    for color in (style.NOT_A_NUMBER, style.INFINITE, style.ZERO):
        assert count_pixels(image, color) > 2000


def test_layer_maps_without_special_values_have_no_legend():
    figure = one_map([[0.0, 1.0]], ["first"], [0, 10], log=False, limits=(0, 1))
    assert not {"NaN", "infinite", "zero"} & texts(figure)
    assert count_pixels(picture(figure), style.NOT_A_NUMBER) == 0


def test_layer_maps_leave_masked_numbers_blank():
    values = np.ma.masked_invalid([[math.nan, 1.0], [1.0, 2.0]])
    figure = one_map(values, ["a", "b"], [0, 10])
    assert not {"NaN", "infinite", "zero"} & texts(figure)
    picture(figure)
    picture(one_map(np.ma.masked_all((1, 2)), ["a"], [0, 10]))


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, 3.0])
def test_layer_maps_draw_all_the_same_value(value, log):
    picture(one_map(np.full((2, 3), value), ["a", "b"], [1, 2, 3], log=log))


def test_layer_maps_refuse_what_does_not_fit():
    with pytest.raises(ArgumentError, match=r"values: expected shape \(1 layers, 3 steps\), not empty, got \(1, 2\)"):
        one_map([[1.0, 2.0]], ["a"], [1, 2, 3])
    with pytest.raises(ArgumentError, match=r"no negative number on a logarithmic scale, got .*Use log=False"):
        one_map([[1.0, -2.0]], ["a"], [1, 2])
    with pytest.raises(ArgumentError, match="at least one map"):
        layer_maps([])


def table(**columns):
    """A table of layers with three looks at one layer."""
    empty = [math.nan] * 3
    rest = dict.fromkeys(COLUMNS, empty) | {"not_finite": [0.0] * 3}
    return rest | {"step": [0, 10, 20], "layer": ["linear_1"] * 3, "kind": ["Linear"] * 3} | columns


def test_the_overview_has_a_map_for_what_was_seen():
    figure = layer_overview(table(weight_std=[0.1, 0.2, 0.3], gradient_norm=[math.nan, 1.0, 2.0], dead=[0.0, 0.5, 1.0]))
    maps = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left").split(" (")[0] for axes in maps] == [
        "Size of the gradients", "Spread of the weights", "Dead units",
    ]  # fmt: skip
    # The weights were looked at before there were gradients.
    assert [[label.get_text() for label in axes.get_xticklabels()] for axes in maps] == [
        ["10", "20"], ["0", "10", "20"], ["0", "10", "20"],
    ]  # fmt: skip
    picture(figure)


def test_what_is_ill_is_red_in_every_map_of_shares_and_never_in_one_of_sizes():
    figure = layer_overview(
        table(weight_std=[0.1, 0.2, 0.3], dead=[0.0, 0.5, 1.0], saturated=[1.0, 0.0, 0.0]), "recipe, 3"
    )
    assert "recipe, 3" in texts(figure)
    cells = {
        axes.get_title(loc="left").split(" (")[0]: axes.images[0].get_array()[0, :, :3]
        for axes in figure.axes
        if axes.images
    }
    red = {name: (colors[:, 0] - colors[:, 1] > 0.4).tolist() for name, colors in cells.items()}
    assert red == {
        "Spread of the weights": [False] * 3,
        "Dead units": [False, True, True],
        "Saturated values": [True, False, False],
    }


def test_the_overview_shows_numbers_that_were_lost():
    figure = layer_overview(table(weight_std=[0.1, 0.2, math.nan], not_finite=[0, 0, 7]))
    assert "NaN" in texts(figure)
    with pytest.raises(ArgumentError, match="a table of layers with at least one number"):
        layer_overview(table())


def test_the_overview_of_a_hundred_layers_stays_a_page():
    names = [f"layer_{number}" for number in range(100)]
    columns = {name: [math.nan] * 100 for name in COLUMNS} | {
        "layer": names,
        "step": [1] * 100,
        "weight_std": [1.0] * 100,
    }
    assert max(picture(layer_overview(columns)).shape) <= 2500


def looks(first, last):
    def look(step, tensors):
        return Distributions(step, {tag: count_histogram(torch.tensor(each)).read() for tag, each in tensors.items()})

    return look(0, first), look(50, last)


def test_parameter_histograms_lay_start_and_end_over_each_other():
    torch.manual_seed(0)
    first, last = looks(
        {"weights/00_linear_1": torch.rand(500).tolist(), "biases/00_linear_1": [0.0] * 20},
        {"weights/00_linear_1": torch.randn(500).tolist(), "biases/00_linear_1": torch.randn(20).tolist()},
    )
    figure = parameter_histograms(first, last, "textbook")
    assert {"linear_1 weights", "linear_1 biases", "parameters"} <= texts(figure)
    assert "textbook: weights and biases at step 0 (outline) and step 50 (filled)" in texts(figure)
    filled = figure.axes[0].patches[0].get_data()
    assert filled.values.sum() == pytest.approx(500)  # none is lost where the bars are others
    picture(figure)


def test_parameter_histograms_draw_what_there_is():
    first, last = looks({"weights/00_a": [1.0, 2.0]}, {"weights/00_a": [math.nan, math.inf]})
    assert "1 NaN, 1 infinite" in " ".join(texts(parameter_histograms(None, last)))
    for one, other in ((first, None), (None, None), (first, last)):
        picture(parameter_histograms(one, other))
    # Biases that began at zero, and of which nothing is finite any more.
    picture(parameter_histograms(*looks({"biases/00_a": [0.0, 0.0]}, {"biases/00_a": [math.nan, math.nan]})))
    many = {f"weights/{number:02d}_layer": [1.0, 2.0] for number in range(40)}
    figure = parameter_histograms(*looks(many, many))
    assert "16 of 40 groups" in " ".join(texts(figure))
    assert max(picture(figure).shape) <= 1800
