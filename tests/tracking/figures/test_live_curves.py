"""Curves of a run that still trains, as SVG: what is where."""

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from dlcore.tracking.figures import style
from dlcore.tracking.figures.live_curves import live_curves

SVG = "{http://www.w3.org/2000/svg}"
COLUMNS = {
    "step": [50.0, 100.0, 200.0, 300.0, 400.0],
    "epoch": [0.5, 1.0, 2.0, 3.0, 4.0],
    "train/loss": [None, 1.0, 0.75, 0.5, 0.25],
    "val/loss": [None, 1.25, math.nan, 0.5, 0.0],
    "train/loss_step": [1.0, None, None, None, None],
    "val/accuracy": [None, 0.25, 0.5, 0.5, 0.75],
}


def drawn(title="run", quantities=("loss", "accuracy"), columns=COLUMNS):
    return ElementTree.fromstring(live_curves(columns, title, quantities))


def pieces(root, color):
    """Points of each piece of the lines of a colour."""
    lines = [line for line in root.iter(f"{SVG}polyline") if line.get("stroke") == color]
    return [[tuple(map(float, point.split(","))) for point in line.get("points").split()] for line in lines]


def words(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def test_training_and_validation_are_lines_through_their_points():
    training, *_ = [points for points in pieces(drawn(), style.TRAIN) if len(points) > 1]
    across, down = zip(*training, strict=True)
    for places in (across, down):  # equal steps
        assert [b - a for a, b in pairwise(places)] == pytest.approx([places[1] - places[0]] * 3, abs=0.2)
    assert down[0] < down[-1]  # pixels count from above: the loss falls


def test_a_value_that_is_not_finite_leaves_a_gap():
    of_loss = pieces(drawn(quantities=["loss"]), style.VALIDATION)
    assert [len(points) for points in of_loss] == [1, 2]


def test_each_chart_names_its_quantity_its_lines_and_round_numbers():
    shown = words(drawn("明月, version_0: epoch 4 of 9"))
    assert shown[0] == "明月, version_0: epoch 4 of 9"
    assert {"loss", "accuracy", "training", "validation", "training, step by step", "epoch"} <= {*shown}
    assert {"0", "0.5", "1", "1.5", "20%", "40%", "60%", "80%"} <= {*shown}


def test_names_with_signs_of_markup_stay_names():
    assert words(drawn("<b> & co"))[0] == "<b> & co"


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-12, 1e30])
def test_a_single_value_is_a_point(value):
    root = drawn(quantities=["loss"], columns={"step": [1.0], "epoch": [0.5], "val/loss": [value]})
    assert [len(points) for points in pieces(root, style.VALIDATION)] == [1]
    assert len(list(root.iter(f"{SVG}circle"))) == 1


def test_values_that_are_never_finite_leave_the_chart_empty():
    root = drawn(quantities=["loss"], columns={"step": [1.0], "epoch": [0.5], "val/loss": [math.nan]})
    assert pieces(root, style.VALIDATION) == []
