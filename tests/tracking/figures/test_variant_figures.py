"""Figures that lay runs side by side: histograms of parameters, spread of hidden values."""

import math

import pytest
import torch
from drawn import count_pixels, picture, texts

from dlcore.errors import ArgumentError
from dlcore.tracking import count_histogram
from dlcore.tracking.figures import style
from dlcore.tracking.figures.overlaid_curves import hidden_spread
from dlcore.tracking.figures.parameter_histograms import Column, variant_histograms
from dlcore.tracking.histogram import Distributions


def column(name, width, tags=("weights/00_linear_1", "biases/00_linear_1"), seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(5000, generator=generator)
    start = {tag: count_histogram(values * 0.1).read() for tag in tags}
    end = {tag: count_histogram(values * width).read() for tag in tags}
    return Column(name, Distributions(0, start), Distributions(9, end))


def charts(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def test_a_row_has_one_axis_that_holds_the_widest_run():
    figure = variant_histograms([column("窄", 0.1), column("wide", 2.0)], "Rates")
    limits = [axes.get_xlim() for axes in charts(figure)]
    assert len(limits) == 4
    assert limits[0] == limits[1]
    # Of 5,000 normal numbers of width 2 all but one in a thousand lie within 2 · 3.29.
    assert 6 < limits[0][1] < 9
    assert {"窄", "wide", "linear_1\nweights", "linear_1\nbiases"} <= texts(figure)
    notes = "\n".join(texts(figure))
    assert "std 0.099\n" in notes
    assert "std 2\n" in notes
    image = picture(figure)
    assert count_pixels(image, style.INK) > 100  # the outlines


def test_single_outliers_do_not_make_the_axis_wide():
    values = torch.cat([torch.randn(100_000, generator=torch.Generator().manual_seed(0)), torch.tensor([1e4])])
    histogram = Distributions(9, {"weights/00_a": count_histogram(values).read()})
    axes = charts(variant_histograms([Column("a", None, histogram)]))[0]
    assert axes.get_xlim()[1] < 400  # a bin of the histogram is 156 wide


def test_runs_with_other_layers_nothing_or_numbers_that_are_not_finite_are_drawn():
    nan = Distributions(9, {"weights/00_linear_1": count_histogram(torch.full((10,), math.nan)).read()})
    zeros = Distributions(0, {"weights/00_linear_1": count_histogram(torch.zeros(10)).read()})
    columns = [
        column("deep", 1.0, ("weights/00_linear_1", "weights/01_linear_2")),
        Column("NaN", zeros, nan),
        Column("empty", None, None),
        Column("begun", zeros, None),
    ]
    figure = variant_histograms(columns)
    assert {"no such group", "10 NaN, 0 infinite"} <= texts(figure)
    picture(figure)


def test_of_many_runs_and_groups_the_first_are_drawn_and_the_rest_is_counted():
    tags = [f"weights/{number:02}_linear_{number}" for number in range(11)]
    figure = variant_histograms([column(f"run {number}", 1.0, tags) for number in range(10)])
    assert len(charts(figure)) == 64
    assert any("8 of 10 runs; 8 of 11 groups of parameters" in text for text in texts(figure))


def test_without_any_histogram_there_is_no_figure():
    with pytest.raises(ArgumentError, match="at least one run with histograms"):
        variant_histograms([Column("a", None, None)])
    with pytest.raises(ArgumentError, match="at least one with a record of a layer"):
        hidden_spread([("a", {})])


def test_spread_of_hidden_values_shares_a_logarithmic_axis():
    runs = [
        ("没有", {"activation_1": ([0, 1, 2], [1e-5, 2e-5, 4e-5])}),
        ("batch norm", {"activation_1": ([1, 2], [0.5, 0.6]), "activation_2": ([1, 2], [0.0, math.nan])}),
    ]
    figure = hidden_spread(runs, "Tiny")
    first, second = charts(figure)
    assert (first.get_yscale(), first.get_ylim()) == ("log", second.get_ylim())
    assert first.get_ylim()[0] < 1e-5 < 0.6 < first.get_ylim()[1]
    assert {"activation_1", "activation_2", "没有"} <= texts(figure)
    picture(figure)


def test_a_layer_has_one_row_whatever_its_number_in_each_network():
    plain = column("plain", 1.0, ("weights/00_linear_1", "weights/01_output"))
    normed = column("normed", 1.0, ("weights/00_linear_1", "weights/01_batch_norm_1", "weights/02_output"))
    figure = variant_histograms([plain, normed])
    rows = [axes.get_ylabel() for axes in charts(figure)[::2]]
    assert rows == ["linear_1\nweights", "batch_norm_1\nweights", "output\nweights"]
    absent = [any("no such group" in text.get_text() for text in axes.texts) for axes in charts(figure)]
    assert absent == [False, False, True, False, False, False]
