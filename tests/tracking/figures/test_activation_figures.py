import numpy as np
import pytest
from drawn import texts

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.activations import Curve, VectorCurve, activation_rows, activation_sheet, with_gaps
from dlcore.tracking.figures.style import to_png

X = np.arange(-800, 801) / 100
STEP = Curve("阶跃", r"\max(0,x)", X, np.maximum(X, 0), (X > 0).astype(float), flat=((-8.0, 0.0),))
BELL = Curve("Bell", "", X, np.tanh(X), 1 - np.tanh(X) ** 2, ((-8.0, -3.0), (3.0, 8.0)), (0.0, 1.0), "a is learned")
VECTOR = VectorCurve("Softmax", "", np.array([0.0, 1.0]), np.array([0.25, 0.75]), np.array([[0.2, -0.2], [-0.2, 0.2]]))


def test_a_row_has_function_and_derivative_with_what_is_known():
    figure = activation_rows([STEP, BELL, VECTOR])
    said = texts(figure)
    assert len(figure.axes) == 7  # three pairs, and the colour bar of the matrix
    assert {"阶跃", r"$\max(0,x)$", "Bell", "derivative", "greatest: 1 at x = 0", "sums to 1"} <= said
    assert {"grey: derivative 0 for x < 0", "grey: saturated, below 1%, beyond ±3; a is learned"} <= said
    to_png(figure)


def test_a_jump_is_not_drawn_through_and_has_the_value_of_autograd_as_its_full_dot():
    x, y, jumps = with_gaps(X, STEP.derivative)
    assert jumps == [800]
    assert np.isnan(y[801])
    assert (y[800], y[802]) == (0.0, 1.0)
    assert len(x) == len(X) + 1
    derivative = activation_rows([STEP]).axes[1]
    dots = {
        (line.get_markerfacecolor() == line.get_color()): (*line.get_xdata(), *line.get_ydata())
        for line in derivative.lines
        if line.get_marker() == "o"
    }
    assert dots == {True: (0.0, 0.0), False: (0.0, 1.0)}


def test_a_steep_rise_is_no_jump():
    assert with_gaps(X, np.tanh(20 * X))[2] == []


def test_arguments_take_the_place_of_the_formula():
    steep = Curve("LeakyReLU(negative_slope=0.2)", "max(0,x)", X, X, np.ones_like(X))
    assert "LeakyReLU(negative_slope=0.2)" in texts(activation_rows([steep]))


def test_the_sheet_has_a_chart_for_each_those_over_vectors_last():
    figure = activation_sheet([VECTOR, STEP, BELL], "所有的激活函数")
    shown = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert shown == ["Bell", "阶跃", "Softmax"]
    assert {"function", "derivative", "所有的激活函数"} <= texts(figure)
    to_png(figure)


@pytest.mark.parametrize("draw", [activation_rows, activation_sheet])
def test_nothing_to_draw_is_an_error(draw):
    with pytest.raises(ArgumentError, match="expected at least one activation to draw"):
        draw([])
