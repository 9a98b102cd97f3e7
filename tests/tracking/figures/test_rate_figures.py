"""The figures of learning rates: a schedule over a run, and a range test."""

import numpy as np
import pytest

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.learning_rate import lr_range, schedule_curve, thin
from dlcore.tracking.figures.style import to_png


def titles(axes):
    return axes.get_title(loc="left"), axes.get_title(loc="right")


def test_a_schedule_has_steps_below_and_epochs_above_and_says_its_rates():
    rates = np.concatenate([np.linspace(0.01, 0.1, 100), np.linspace(0.1, 0.001, 100)])
    figure = schedule_curve(rates, 20, "余弦", ["A note. " * 30])
    (axes,) = figure.axes
    assert titles(axes) == ("余弦", "first 0.01, greatest 0.1 at step 100, last 0.001")
    to_png(figure)
    (above,) = axes.child_axes
    assert above.get_xlabel() == "epoch"
    assert above.get_xlim() == (0, 10)


def test_a_constant_rate_is_said_once():
    assert titles(schedule_curve([0.5] * 7, 7, "t").axes[0])[1] == "0.5 throughout"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 100_000])
def test_schedules_of_any_length_are_drawn(steps, log):
    to_png(schedule_curve(np.geomspace(1, 1e-6, steps), 10, "t", log=log))


def test_a_million_steps_become_some_thousand_points_with_the_extremes():
    rates = np.random.default_rng(0).random(1_000_000)
    steps, values = thin(rates)
    assert len(steps) < 5000
    assert (values.min(), values.max(), values[0], values[-1]) == (rates.min(), rates.max(), rates[0], rates[-1])
    assert (rates[steps - 1] == values).all()
    assert (np.diff(steps) > 0).all()


def test_only_steps_that_change_the_rate_are_points():
    steps, values = thin(np.repeat([3.0, 2.0, 1.0], 1000))
    assert steps.tolist() == [1, 1001, 2001, 3000]
    assert values.tolist() == [3.0, 2.0, 1.0, 1.0]


def test_a_rate_of_zero_has_no_logarithm():
    with pytest.raises(ArgumentError, match="expected rates above 0 for a logarithmic scale"):
        schedule_curve([1.0, 0.0], 1, "t", log=True)
    with pytest.raises(ArgumentError, match="expected the rate of at least one step"):
        schedule_curve([], 1, "t")


RATES = np.geomspace(1e-6, 1, 50)


def test_a_range_test_marks_the_suggestion_and_the_lowest_point():
    figure = lr_range(RATES, RATES + 1, RATES + 1, 40, 20, "范围测试", diverged=True)
    labels = {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    assert {"steepest fall, suggested: 0.0003", "lowest: 0.079"} <= labels
    assert titles(figure.axes[0]) == ("范围测试", "ends where the loss diverged")
    to_png(figure)


def test_a_range_test_without_suggestion_is_drawn_too():
    figure = lr_range(RATES, np.ones(50), np.ones(50), 8, None, "t")
    assert not any("suggested" in text.get_text() for text in figure.axes[0].get_legend().get_texts())
    to_png(figure)


def test_losses_must_be_as_many_as_rates():
    with pytest.raises(ArgumentError, match="expected 50 values, one a rate"):
        lr_range(RATES, [1.0], [1.0], 0, None, "t")
