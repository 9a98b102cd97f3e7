import numpy as np
import pytest

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import Family, overlaid_curves
from dlcore.tracking.figures.overlaid_curves import family_colors


def family(name, end=0.8, seeds=2, **more):
    x = np.arange(1.0, 5.0)
    curves = {
        f"{kind}/{quantity}": [(x, np.linspace(0.1, end + seed / 100, 4)) for seed in range(seeds)]
        for kind in ("train", "val")
        for quantity in ("loss", "accuracy")
    }
    return Family(name, curves | more)


def test_a_chart_a_quantity_training_dashed_validation_solid_and_a_band_of_the_seeds():
    figure = overlaid_curves([family("学习率 0.1"), family("b", seeds=1)], ("loss", "accuracy", "f1"), title="明月")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "accuracy"]
    lines = figure.axes[1].lines
    assert [line.get_linestyle() for line in lines] == ["--", "-", "--", "-"]
    assert lines[1].get_color() == lines[0].get_color() != lines[3].get_color()
    np.testing.assert_allclose(lines[1].get_ydata(), np.linspace(0.1, 0.805, 4))
    assert len(figure.axes[1].collections) == 1


def test_the_legend_stands_beside_the_charts_in_the_order_of_the_ends():
    figure = overlaid_curves([family("low", 0.3), family("high", 0.9)], ("accuracy",))
    figure.canvas.draw()
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "high  90.5%",
        "low  30.5%",
        " ",
        "validation",
        "training",
    ]
    assert legend.get_window_extent().x0 >= figure.axes[0].get_window_extent().x1


def test_values_that_are_not_finite_interrupt_and_far_losses_are_logarithmic():
    x = np.arange(3.0)
    wild = Family("wild", {"val/loss": [(x, np.array([900.0, np.nan, 0.5]))]})
    figure = overlaid_curves([wild, family("tame")], ("loss",))
    assert figure.axes[0].get_yscale() == "log"
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).tolist() == [False, True, False]


def test_curves_of_other_lengths_are_laid_on_common_points():
    short = (np.array([1.0, 2.0]), np.array([0.2, 0.4]))
    long = (np.array([1.0, 2.0, 3.0]), np.array([0.4, 0.6, 0.9]))
    figure = overlaid_curves([Family("a", {"val/loss": [short, long]})], ("loss",))
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.3, 0.5, 0.9])


def test_many_families_have_colours_of_their_own():
    assert len(set(family_colors(30))) == 30


def test_a_quantity_that_nobody_logged_is_an_error():
    with pytest.raises(ArgumentError, match=r"plot: expected quantities that were logged .*val/loss"):
        overlaid_curves([family("a")], ("f1",))
