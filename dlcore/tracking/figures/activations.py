"""Figures: activation functions with their derivatives, in rows or as a sheet of small charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FUNCTION, DERIVATIVE = style.BLUE, style.VERMILION
_SHADE = "#F1F1F1"
_ROW_HEIGHT = 3.0
_LONGEST_BESIDE_FORMULA, _LONGEST_NAME = 16, 44
# A jump, in contrast to a steep rise: minimum height, and minimum ratio to the neighbouring steps.
_JUMP, _TIMES = 0.05, 5


@dataclass(frozen=True)
class Curve:
    """Elementwise activation."""

    name: str
    formula: str  # its formula, as mathtext without dollar signs; empty if unknown
    x: np.ndarray  # inputs, rising, 0 among them. Shape: (P,)
    y: np.ndarray  # outputs (P,)
    derivative: np.ndarray  # derivative at each input (P,)
    flat: tuple[tuple[float, float], ...] = ()  # intervals of x where the derivative is below 1% of its maximum
    # Position and value of the derivative's maximum, if it is one point within the range.
    peak: tuple[float, float] | None = None
    note: str = ""  # additional note, a short line; may be empty


@dataclass(frozen=True)
class VectorCurve:
    """Activation of a whole vector, such as softmax."""

    name: str
    formula: str  # as for `Curve`
    scores: np.ndarray  # the input vector (K,)
    outputs: np.ndarray  # the output vector (K,)
    jacobian: np.ndarray  # derivative of each output (row) by each score (column). Shape: (K, K)


def activation_rows(curves: Sequence[Curve | VectorCurve]) -> Figure:
    """Draw activations in rows: the function on the left, its derivative on the right.

    A grey background marks saturation (derivative below 1% of its maximum). The maximum of the derivative is marked if
    it is one point. At a jump of a derivative, the full dot is autograd's value. For an activation of a vector, the
    outputs are drawn as bars and the derivatives as a matrix.

    Args:
        curves: Activations to draw, at least one.

    Raises:
        ArgumentError: There is nothing to draw.
    """
    if not curves:
        raise ArgumentError("curves", "at least one activation to draw", None)
    figure = style.new_figure(10, _ROW_HEIGHT * len(curves) + 0.1)
    for (left, right), curve in zip(figure.subplots(len(curves), 2, squeeze=False), curves, strict=True):
        if isinstance(curve, VectorCurve):
            _draw_outputs(left, curve)
            _draw_jacobian(right, curve)
        else:
            _draw_function(left, curve)
            _draw_derivative(right, curve)
    return style.finish(figure)


def _give_title(axes: Axes, curve: Curve | VectorCurve) -> None:
    """Write the name at the left and the formula at the right; omit the formula if the name is too long."""
    name = curve.name if len(curve.name) <= _LONGEST_NAME else f"{curve.name[: _LONGEST_NAME - 1]}…"
    axes.set_title(drawable(name), fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=10)
    if curve.formula and len(name) <= _LONGEST_BESIDE_FORMULA:
        axes.set_title(f"${curve.formula}$", fontsize=style.TITLE_SIZE, color=style.INK, loc="right", pad=10)


def with_gaps(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Insert gaps into a curve at its jumps.

    Returns:
        The points with a NaN in each jump, and the positions before the jumps.
    """
    steps = np.abs(np.diff(y))
    beside = np.maximum(np.append(steps[1:], 0), np.append(0, steps[:-1]))
    jumps = [int(place) for place in np.flatnonzero((steps > _JUMP) & (steps > _TIMES * beside))]
    behind = [place + 1 for place in jumps]
    return np.insert(x, behind, np.nan), np.insert(y, behind, np.nan), jumps


def draw_curve(axes: Axes, x: np.ndarray, y: np.ndarray, color: str, width: float = 2.0, dots: bool = True) -> None:
    """Draw a curve with gaps at its jumps, a full dot at the function's value and a ring at the other side."""
    drawn_x, drawn_y, jumps = with_gaps(x, y)
    axes.plot(drawn_x, drawn_y, color=color, linewidth=width, solid_capstyle="round")
    for place in jumps if dots else ():
        # The jump is at the round number of the two, where a definition changes.
        at, beside = (place, place + 1) if abs(2 * x[place] - round(2 * x[place])) < 1e-9 else (place + 1, place)
        axes.plot(x[at], y[at], "o", markersize=5.5, color=color)
        axes.plot(x[at], y[beside], "o", markersize=5.5, markerfacecolor=style.PAPER, markeredgecolor=color)


def _draw_function(axes: Axes, curve: Curve) -> None:
    _shade(axes, curve)
    draw_curve(axes, curve.x, curve.y, FUNCTION)
    style.style_axes(axes, "", "x", "f(x)")
    _give_title(axes, curve)
    _frame(axes, curve, curve.y)


def _draw_derivative(axes: Axes, curve: Curve) -> None:
    _shade(axes, curve)
    draw_curve(axes, curve.x, curve.derivative, DERIVATIVE)
    style.style_axes(axes, "derivative", "x", "f ′(x)")
    _frame(axes, curve, curve.derivative)
    if curve.peak is not None:
        x, y = curve.peak
        low, high = axes.get_ylim()
        axes.set_ylim(low, max(high, y + 0.2 * (high - low)))
        axes.plot(x, y, "o", markersize=5.5, color=DERIVATIVE)
        axes.annotate(
            f"greatest: {y:.4g} at x = {x:.3g}", (x, y), xytext=(0, 8), textcoords="offset points", ha="center",
            fontsize=style.TICK_SIZE, color=style.INK, bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1},
        )  # fmt: skip
    remark = "; ".join(filter(None, [_flat_in_words(curve) if curve.flat else "", drawable(curve.note)]))
    axes.set_title(remark, fontsize=style.TICK_SIZE, color=style.QUIET, loc="right", pad=10)


def _flat_in_words(curve: Curve) -> str:
    """Describe the grey background: where almost no gradient passes."""
    inside = np.any([(low < curve.x) & (curve.x < high) for low, high in curve.flat], axis=0)
    what = "saturated, below 1%," if np.any(curve.derivative[inside]) else "derivative 0"
    numbers = [round(edge, 1) for interval in curve.flat for edge in interval if abs(edge) < curve.x[-1]]
    if len(numbers) == 2 and numbers[0] == -numbers[1] and len(curve.flat) == 2:
        return f"grey: {what} beyond ±{abs(numbers[1]):g}"
    if len(numbers) == 1:
        sign = "<" if curve.flat[0][0] <= curve.x[0] else ">"
        return f"grey: {what} for x {sign} {numbers[0]:g}".replace("-", "−")
    return f"grey: {what.rstrip(',')}"


def _shade(axes: Axes, curve: Curve) -> None:
    for low, high in curve.flat:
        axes.axvspan(low, high, color=_SHADE, linewidth=0, zorder=0)


def _frame(axes: Axes, curve: Curve, values: np.ndarray) -> None:
    """Draw axes through the origin, and add margins above and below the finite values."""
    low, high = min(0.0, float(np.nanmin(values))), max(0.0, float(np.nanmax(values)))
    room = 0.08 * (high - low) or 0.5
    axes.set_xlim(float(curve.x[0]), float(curve.x[-1]))
    axes.set_ylim(low - room, high + room)
    axes.axhline(0, color="#9A9A9A", linewidth=0.9, zorder=1)
    axes.axvline(0, color="#9A9A9A", linewidth=0.9, zorder=1)


def _draw_outputs(axes: Axes, curve: VectorCurve) -> None:
    places = np.arange(len(curve.scores))
    axes.bar(places, curve.outputs, color=FUNCTION, width=0.7)
    style.style_axes(axes, "", "score that goes in", "output")
    _give_title(axes, curve)
    axes.set_xticks(places, [f"{score:g}" for score in curve.scores])
    low, high = min(0.0, float(curve.outputs.min())), max(0.0, float(curve.outputs.max()))
    for place, output in zip(places, curve.outputs, strict=True):
        up = output >= 0
        axes.annotate(
            f"{output:.3g}" if abs(output) >= 0.0995 else f"{output:.3f}", (place, output), xytext=(0, 3 if up else -3),
            textcoords="offset points", ha="center", va="bottom" if up else "top", fontsize=8, color=style.INK,
        )  # fmt: skip
    room = 0.16 * (high - low)
    axes.set_ylim(low - room * (low < 0), high + room * (high > 0))
    total = float(curve.outputs.sum())
    if abs(total - 1) < 1e-6:
        axes.text(
            0.03, 0.94, "sums to 1", transform=axes.transAxes, va="top", fontsize=style.LABEL_SIZE, color=style.INK
        )


def _draw_jacobian(axes: Axes, curve: VectorCurve) -> None:
    most = float(np.abs(curve.jacobian).max())
    picture: Any = axes.imshow(curve.jacobian, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    style.style_axes(axes, "derivative: every output by every score", "score", "output of score", grid=False)
    names = [f"{score:g}" for score in curve.scores]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    style.add_color_bar(picture, axes)


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
        _draw_small(axes, curve)
    for axes in charts[len(curves) :]:
        axes.set_visible(False)
    style.head(figure, title, size=style.TITLE_SIZE + 2)
    looks = (("function", FUNCTION), ("derivative", DERIVATIVE))
    lines = [Line2D([], [], color=color, linewidth=2, label=label) for label, color in looks]
    style.add_legend(figure, lines, loc="upper right", ncols=2, fontsize=style.LABEL_SIZE)
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


def _draw_small(axes: Axes, curve: Curve | VectorCurve) -> None:
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
