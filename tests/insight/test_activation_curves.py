"""The known answers of the lesson on activations, through the curves that are drawn."""

import numpy as np
import pytest

from dlcore.errors import UnknownNameError
from dlcore.insight import activation_curve
from dlcore.nn import activation_names
from dlcore.tracking.figures.activations import Curve, VectorCurve


def at(curve, x):
    return int(np.flatnonzero(curve.x == x)[0])


def test_sigmoid_is_steepest_at_0_with_a_quarter_and_saturates_beyond_6():
    curve = activation_curve("sigmoid")
    assert curve.peak == (0.0, 0.25)
    assert curve.flat == pytest.approx(np.array([[-8, -6], [6, 8]]), abs=0.02)
    assert curve.y[at(curve, 6)] > 0.997


def test_tanh_is_steepest_at_0_with_1_and_saturates_beyond_3():
    curve = activation_curve("Tanh")
    assert curve.peak == (0.0, 1.0)
    assert curve.flat == pytest.approx(np.array([[-8, -3], [3, 8]]), abs=0.02)


def test_tanh_plus_1_is_twice_sigmoid_of_2x():
    tanh, sigmoid = activation_curve("tanh"), activation_curve("sigmoid")
    inner = np.abs(tanh.x) <= 4
    twice = 2 * sigmoid.y[[at(sigmoid, x) for x in np.round(2 * tanh.x[inner], 2)]]
    assert tanh.y[inner] + 1 == pytest.approx(twice, abs=1e-12)


def test_the_derivative_of_relu_is_0_up_to_0_and_1_beyond():
    curve = activation_curve("relu")
    assert set(curve.derivative[curve.x <= 0]) == {0.0}
    assert set(curve.derivative[curve.x > 0]) == {1.0}
    assert curve.flat == ((-8.0, 0.0),)
    assert curve.peak is None


def test_prelu_says_that_its_slope_is_learned():
    curve = activation_curve("prelu")
    assert curve.y == pytest.approx(np.maximum(0, curve.x) + 0.25 * np.minimum(0, curve.x))
    assert curve.note == "a is learned; it starts at 0.25"


def test_softmax_works_on_the_nine_scores_of_the_lesson():
    curve = activation_curve("softmax")
    assert curve.scores.tolist() == [0.2, 0.02, 0.15, 1.3, 0.5, 0.06, 1.1, 0.05, 3.75]
    assert curve.outputs.sum() == pytest.approx(1)
    assert curve.outputs.argmax() == 8
    expected = np.diag(curve.outputs) - np.outer(curve.outputs, curve.outputs)
    assert curve.jacobian == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", activation_names())
def test_every_activation_has_a_curve_whose_derivative_is_its_slope(name):
    curve = activation_curve(name)
    if isinstance(curve, VectorCurve):
        assert name in ("Softmax", "Softmin", "LogSoftmax")
        return
    assert isinstance(curve, Curve)
    slope = np.gradient(curve.y, curve.x)
    # Next to a kink or a jump a difference over it is no slope.
    smooth = np.abs(np.diff(curve.derivative, prepend=curve.derivative[0])) < 0.05
    smooth &= np.roll(smooth, -1) & np.roll(smooth, 1)
    smooth[[0, -1]] = False
    assert curve.derivative[smooth] == pytest.approx(slope[smooth], abs=0.01)
    assert smooth.mean() > 0.99
    assert curve.formula


def test_a_mistyped_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'Sigmoid'"):
        activation_curve("sigmoyd")
