"""Figure: loss and accuracy of training and validation over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.metric_names import is_greater, is_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Columns = Mapping[str, Sequence[float | None]]

_KINDS = (("train", "training", style.TRAIN), ("val", "validation", style.VALIDATION))


def learning_curves(columns: Columns, title: str = "", quantities: Sequence[str] = ("loss", "accuracy")) -> Figure:
    """Draw the curves of one run, a chart a quantity, training and validation on one chart.

    The best validation is marked. A value that is NaN or infinite interrupts its curve.

    Args:
        columns: The run's metrics as `read_metrics` gives them: ``step``, ``epoch`` (counted from 0) and
            ``train/X``, ``val/X`` for each quantity X; None where a step has no value.
        title: What the run is.
        quantities: What to draw, where there is any of it.

    Raises:
        ArgumentError: None of the quantities is there.
    """
    drawn = [name for name in quantities if any(columns.get(f"{kind}/{name}") for kind, *_ in _KINDS)]
    if not drawn:
        raise ArgumentError(
            "columns",
            f"train/X or val/X for an X of {', '.join(quantities)}",
            sorted(columns),
            "Nothing was logged yet?",
        )
    figure = style.new_figure(5.2 * len(drawn), 3.9)
    epochs = _epochs(columns)
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(drawn))), drawn, strict=True):
        _draw_quantity(axes, name, columns, epochs)
    if title:
        figure.suptitle(drawable(title), fontsize=style.TITLE_SIZE + 1, color=style.INK, x=0.01, ha="left")
    return style.finish(figure)


def _draw_quantity(axes: Axes, name: str, columns: Columns, epochs: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    share = is_share(name)
    for kind, label, color in _KINDS:
        values = np.array([np.nan if v is None else v for v in columns.get(f"{kind}/{name}", ())], dtype=np.float64)
        there = np.array([v is not None for v in columns.get(f"{kind}/{name}", ())], dtype=bool)
        if not there.any():
            continue
        x, y = epochs[there], np.where(np.isfinite(values[there]), values[there], np.nan)
        if kind == "val" and np.isfinite(y).any():
            best = int(np.nanargmax(y) if is_greater(name) else np.nanargmin(y))
            axes.plot(x[best], y[best], "o", markersize=9, markerfacecolor="none", markeredgecolor=color)
            label += f", best {y[best]:.1%}" if share else f", best {y[best]:.4g}"
        # Few points, as one an epoch, are marked; a curve of many is one line.
        marker = "o" if len(x) <= 40 else None
        axes.plot(x, y, color=color, linewidth=1.8, marker=marker, markersize=3.5, label=label)
    style.style_axes(axes, name.replace("_", " "), "epoch")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, steps=[1, 2, 5, 10]))
    axes.margins(y=0.12)
    if share:
        low, high = axes.get_ylim()
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0 if high - low > 0.05 else 1))
    axes.legend(
        loc="lower right" if share else "upper right",  # where these curves seldom are
        framealpha=0.85,
        edgecolor="none",
        fontsize=style.TICK_SIZE,
        labelcolor=style.INK,
    )


def _epochs(columns: Columns) -> np.ndarray:
    """How many epochs of training each row has behind it, with fractions; steps where epochs are not known."""
    steps = np.array(columns["step"], dtype=np.float64)
    epochs = np.array([np.nan if v is None else v for v in columns.get("epoch", ())], dtype=np.float64)
    if not np.isfinite(epochs).any():
        return steps
    # The last row of a run belongs to the end of its epoch or, interrupted, to somewhere in it; all whole epochs
    # before it say how many steps an epoch has.
    known = np.isfinite(epochs)
    ends = {epoch: steps[known & (epochs == epoch)].max() for epoch in np.unique(epochs[known])}
    whole = {epoch: step for epoch, step in ends.items() if epoch != max(ends)} or ends
    per_epoch = max(max((step / (epoch + 1) for epoch, step in whole.items()), default=1.0), 1.0)
    return steps / per_epoch
