"""Figure: many activation functions, each with its derivative in one small chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.activation_rows import DERIVATIVE, FUNCTION, Curve, VectorCurve, draw_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 6
_RANGE = 4.0  # further out, curves are straight or flat
_LOW, _HIGH = -2.2, 3.2


def activation_sheet(curves: Sequence[Curve | VectorCurve], title: str = "Activation functions") -> Figure:
    """Draw small charts of activations with their derivatives, all with the same axes for comparison.

    Args:
        curves: Activations to draw, at least one.
        title: Title of the figure.

    Raises:
        ArgumentError: There is nothing to draw.
    """
    from matplotlib.lines import Line2D

    if not curves:
        raise ArgumentError("curves", "at least one activation to draw", None)
    rows = -(-len(curves) // _COLUMNS)
    figure = style.new_figure(2.1 * _COLUMNS, 1.95 * rows + 0.8)
    charts = figure.subplots(rows, _COLUMNS, squeeze=False).flatten()
    # Activations of a vector have different axes: put them at the end.
    in_order = sorted(curves, key=lambda curve: (isinstance(curve, VectorCurve), curve.name.lower()))
    for axes, curve in zip(charts, in_order, strict=False):
        _draw(axes, curve)
    for axes in charts[len(curves) :]:
        axes.set_visible(False)
    style.head(figure, title, size=style.TITLE_SIZE + 2)
    lines = [
        Line2D([], [], color=FUNCTION, linewidth=2, label="function"),
        Line2D([], [], color=DERIVATIVE, linewidth=2, label="derivative"),
    ]
    figure.legend(
        handles=lines, loc="upper right", ncols=2, frameon=False, fontsize=style.LABEL_SIZE, labelcolor=style.INK
    )
    return style.finish(figure)


def activation_overlay(curves: Sequence[Curve | VectorCurve]) -> Figure:
    """Draw activations of single numbers on one chart, and their derivatives on another.

    Args:
        curves: Activations to draw, at least one.

    Raises:
        ArgumentError: There is nothing to draw, or an activation works on a whole vector.
    """
    single = [curve for curve in curves if isinstance(curve, Curve)]
    if not single or len(single) < len(curves):
        raise ArgumentError("curves", "activations of single numbers", [curve.name for curve in curves])
    figure = style.new_figure(10, 4.4)
    left, right = figure.subplots(1, 2)
    for color, curve in zip(style.CYCLE * 3, single, strict=False):
        draw_curve(left, curve.x, curve.y, color)
        draw_curve(right, curve.x, curve.derivative, color)
        left.plot([], [], color=color, linewidth=2, label=curve.name)
    style.style_axes(left, "", "x", "f(x)")
    style.style_axes(right, "derivatives", "x", "f ′(x)")
    left.set_xlim(-_RANGE * 1.5, _RANGE * 1.5)
    right.set_xlim(-_RANGE * 1.5, _RANGE * 1.5)
    left.set_ylim(_LOW, _HIGH)
    left.legend(frameon=False, fontsize=style.TICK_SIZE)
    return style.finish(figure)


def _draw(axes: Axes, curve: Curve | VectorCurve) -> None:
    if isinstance(curve, VectorCurve):
        places = np.arange(len(curve.scores))
        axes.bar(places, curve.outputs, color=FUNCTION, width=0.7)
        axes.axhline(0, color="#9A9A9A", linewidth=0.8)
        style.style_axes(axes, curve.name)
        axes.set_xticks(places, [f"{score:g}" for score in curve.scores], rotation=90)
        axes.tick_params(axis="x", labelsize=7)
        axes.set_xlabel("over nine scores", fontsize=8, color=style.INK)
    else:
        near = np.abs(curve.x) <= _RANGE
        axes.axhline(0, color="#9A9A9A", linewidth=0.8, zorder=1)
        axes.axvline(0, color="#9A9A9A", linewidth=0.8, zorder=1)
        draw_curve(axes, curve.x[near], curve.derivative[near], DERIVATIVE, width=1.6, dots=False)
        draw_curve(axes, curve.x[near], curve.y[near], FUNCTION, width=2.0, dots=False)
        style.style_axes(axes, curve.name)
        axes.set_xlim(-_RANGE, _RANGE)
        axes.set_ylim(_LOW, _HIGH)
        axes.set_xticks([-4, -2, 0, 2, 4])
        axes.set_yticks([-2, -1, 0, 1, 2, 3])
    axes.title.set_fontsize(style.LABEL_SIZE + 0.5)
    axes.title.set_position((0, 1))
    axes.tick_params(axis="y", labelsize=8)
    if not isinstance(curve, VectorCurve):
        axes.tick_params(axis="x", labelsize=8)
