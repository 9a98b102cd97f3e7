"""Figure: curves of one run over its epochs, with its events and, below, the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.curve_marks import draw_marks, draw_rate, event_marks, rate_points
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.metric_names import is_share, known_modes, main_metric, mode_of, spoken

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Columns = Mapping[str, Sequence[float | None]]

_KINDS = (("train", "training", style.TRAIN), ("val", "validation", style.VALIDATION))
# Ratio of largest to smallest value above which the scale is logarithmic.
_LOG_FROM = 80.0
_LOWEST_R2 = -1.0
_LEAST_SPAN = 0.02


def learning_curves(
    columns: Columns, title: str = "", quantities: Sequence[str] | None = None, events: Sequence[Mapping[str, Any]] = ()
) -> Figure:
    """Draw the curves of one run, one chart per quantity, with training and validation on one chart.

    The best validation value is marked if the metric's mode is known. NaN and infinite values interrupt a curve. Events
    are lines through all charts, with a legend below. If the learning rate changed, it is drawn in a strip below the
    charts.

    Args:
        columns: The run's metrics from `read_metrics`: ``step``, ``epoch`` (epochs completed, with a fraction) and
            ``train/X``, ``val/X`` for each quantity X; None if a step has no value. ``train/loss_step`` is drawn behind
            the loss if it has more points.
        title: Name of the run.
        quantities: Quantities to draw if they were logged; None: the loss and the main metric.
        events: Events from `read_events`.

    Raises:
        ArgumentError: None of the quantities was logged.
    """
    wanted = drawn_quantities(columns) if quantities is None else tuple(quantities)
    drawn = [name for name in wanted if _has(columns, name)]
    if not drawn:
        expected = f"train/X or val/X for an X of {', '.join(wanted)}"
        raise ArgumentError("columns", expected, sorted(columns), "Nothing was logged yet?")
    x, unit = positions(columns)
    marks = event_marks(events, columns["step"], x)
    rate = rate_points(columns.get("lr", ()), x, events, unit == "epoch")
    heights = [2.75] * len(drawn) + [1.0] * (rate is not None)
    figure = style.new_figure(8.4, sum(heights) + 0.9 + 0.3 * bool(title) + 0.25 * bool(marks))
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.06, hspace=0.02)
    charts = np.atleast_1d(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    for axes, name in zip(charts, drawn, strict=False):
        _draw_quantity(axes, name, columns, x, mode_of(f"val/{name}", known_modes(events)))
    if rate is not None:
        draw_rate(charts[-1], *rate)
    _finish_x(charts, unit, x, columns)
    draw_marks(figure, charts, marks, unit)
    if title:
        style.head(figure, title, size=style.TITLE_SIZE + 1)
    return style.finish(figure)


def drawn_quantities(columns: Columns) -> tuple[str, ...]:
    """Return the quantities to draw for a run: the loss and the main metric."""
    stages = ("train", "val")
    names = {name.partition("/")[2] for name in columns if name.partition("/")[0] in stages and any_of(columns[name])}
    return tuple(dict.fromkeys(("loss", main_metric(names))))


def any_of(column: Sequence[float | None]) -> bool:
    """Return whether a column has any value."""
    return any(value is not None for value in column)


def _has(columns: Columns, quantity: str) -> bool:
    names = [f"{kind}/{quantity}" for kind, *_ in _KINDS] + ["train/loss_step"] * (quantity == "loss")
    return any(any_of(columns.get(name, ())) for name in names)


def _draw_quantity(axes: Axes, name: str, columns: Columns, x: np.ndarray, mode: str | None) -> None:
    share = is_share(name)
    style.style_axes(axes, spoken(name))
    finite: list[np.ndarray] = []
    if name == "loss":
        finite += _draw_steps(axes, columns, x)
    for kind, label, color in _KINDS:
        at, y = points(columns.get(f"{kind}/{name}", ()), x)
        if not len(at):
            continue
        finite.append(y[np.isfinite(y)])
        if kind == "val" and mode is not None and np.isfinite(y).any():
            best = int(np.nanargmax(y) if mode == "max" else np.nanargmin(y))
            axes.plot(
                at[best], y[best], "o", markersize=9, markerfacecolor="none", markeredgecolor=color, label="_best"
            )
            label += f", best {y[best]:.1%}" if share else f", best {y[best]:.4g}"
        # Mark the points of a curve if they are few, such as one per epoch.
        marker = "o" if len(at) <= 40 else None
        axes.plot(at, y, color=color, linewidth=1.8, marker=marker, markersize=3.5, label=label)
    _finish_y(axes, name, np.concatenate(finite) if finite else np.zeros(0))
    if axes.get_legend_handles_labels()[1]:
        # Next to the title, where it hides no point.
        look: dict[str, Any] = {"borderpad": 0.2, "borderaxespad": 0.1, "handlelength": 1.6, "columnspacing": 1.4}
        style.add_legend(axes, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, **look)


def points(column: Sequence[float | None], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and values of a column's points; NaN for values that are not finite."""
    there = np.array([value is not None for value in column], dtype=bool)
    values = np.array(column, dtype=np.float64)[there]
    return x[: len(there)][there], np.where(np.isfinite(values), values, np.nan)


def _draw_steps(axes: Axes, columns: Columns, x: np.ndarray) -> list[np.ndarray]:
    """Draw the loss within the epochs, faint and behind, if it has many more points than the epochs' means."""
    at, y = points(columns.get("train/loss_step", ()), x)
    epochs = sum(value is not None for value in columns.get("train/loss", ()))
    if not len(at) or (epochs > 1 and len(at) <= 2 * epochs):
        return []
    marker = "." if len(at) <= 3 else None
    axes.plot(at, y, color=style.TRAIN, linewidth=0.9, alpha=0.35, marker=marker, label="training, step by step")
    return [y[np.isfinite(y)]]


def _finish_y(axes: Axes, name: str, values: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

    axes.margins(y=0.12)
    note = ""
    if not len(values):
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=style.INK)
        axes.set_yticks([])
    elif is_share(name):
        low, high = axes.get_ylim()
        if high - low < _LEAST_SPAN:  # do not exaggerate small changes
            low, high = (low + high - _LEAST_SPAN) / 2, (low + high + _LEAST_SPAN) / 2
            axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0 if high - low > 0.05 else 1))
    elif name == "r2" and values.min() < _LOWEST_R2 and values.max() > 0:
        # Cut off lower values, which occur only at the start and would compress the rest.
        axes.set_ylim(_LOWEST_R2, axes.get_ylim()[1] if values.max() > 1 else 1.05)
        note = "from −1 on"
    elif name != "r2" and values.min() > 0 and values.max() / values.min() > _LOG_FROM:
        axes.set_yscale("log")
        decades = np.log10(values.max() / values.min())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,), numticks=7))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        note = "logarithmic"
    if note:
        axes.set_title(drawable(f"{spoken(name)} ({note})"), fontsize=style.TITLE_SIZE, loc="left", pad=10)


def _finish_x(charts: np.ndarray, unit: str, x: np.ndarray, columns: Columns) -> None:
    from matplotlib.ticker import MaxNLocator

    logged = np.zeros(len(x), dtype=bool)
    for name, column in columns.items():
        if name.startswith(("train/", "val/")):
            logged |= np.array([value is not None for value in column], dtype=bool)
    end = float(np.nanmax(x[logged])) if logged.any() and np.isfinite(x[logged]).any() else 1.0
    charts[-1].set_xlim(0, (end or 1.0) * 1.02)
    charts[-1].set_xlabel(unit, fontsize=style.LABEL_SIZE, color=style.INK)
    whole = end >= 2 or unit != "epoch"
    charts[-1].xaxis.set_major_locator(MaxNLocator(integer=whole, nbins=10, steps=[1, 2, 5, 10]))


def positions(columns: Columns) -> tuple[np.ndarray, str]:
    """Return the x position of each row and its unit: epochs completed if all rows have them, else steps.

    Epochs counted by Lightning, from 0 and without fractions, cannot be used as positions.
    """
    steps, epochs = (np.array(columns.get(name, ()), dtype=np.float64) for name in ("step", "epoch"))
    counted_from_zero = (epochs == np.round(epochs)).all() and (epochs[steps > 0] == 0).any() if len(epochs) else True
    if counted_from_zero or not np.isfinite(epochs).all():
        return steps, "optimiser step"
    return epochs, "epoch"
