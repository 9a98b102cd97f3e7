"""Figure: loss over learning rate, from a learning-rate range test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RAW = "#B9CFE0"


def lr_range(
    rates: Any, losses: Any, smoothed: Any, lowest: int, steepest: int | None, title: str, diverged: bool = False
) -> Figure:
    """Draw a learning-rate range test.

    Args:
        rates: Learning rate of each step, rising (S,).
        losses: Loss of each step (S,).
        smoothed: Their running average (S,).
        lowest: Index of the lowest average.
        steepest: Index of the steepest fall, which is the suggestion; None without one.
        title: Title of the figure.
        diverged: Whether the curve ends because the loss diverged.

    Raises:
        ArgumentError: Rates, losses and averages differ in length, or are empty.
    """
    x, raw, curve = (np.asarray(values, dtype=np.float64) for values in (rates, losses, smoothed))
    if not len(x) == len(raw) == len(curve) or not len(x):
        raise ArgumentError("losses", f"{len(x):,} values, one a rate, at least one", len(raw))
    figure = style.new_figure(8, 4.6)
    axes = figure.subplots()
    axes.plot(x, raw, color=_RAW, linewidth=1.1, label="loss of each step's batch")
    axes.plot(x, curve, color=style.BLUE, linewidth=2.2, label="its running average")
    axes.set_xscale("log")
    axes.set_xlim(x[0], x[-1])
    style.style_axes(axes, title, "learning rate (rises by the same factor each step)", "loss")
    # Scale the axis by the average: when the loss diverges, single batches are far above it.
    top, bottom = float(curve[: lowest + 1].max()), float(min(curve.min(), np.percentile(raw, 2)))
    high = min(max(float(curve.max()), top), top + 0.6 * (top - bottom))
    room = high - bottom or 1.0
    axes.set_ylim(bottom - 0.06 * room, high + 0.16 * room)
    axes.plot(
        x[lowest], curve[lowest], "o", markersize=9, markerfacecolor="none", markeredgecolor=style.BLUE,
        markeredgewidth=1.6, label=f"lowest: {x[lowest]:.2g}", linestyle="none",
    )  # fmt: skip
    if steepest is not None:
        rate, loss = x[steepest], curve[steepest]
        axes.axvline(rate, color=style.VERMILION, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.plot(
            rate, loss, "o", markersize=8, color=style.VERMILION, label=f"steepest fall, suggested: {rate:.1g}",
            linestyle="none",
        )  # fmt: skip
    if diverged:
        axes.set_title("ends where the loss diverged", fontsize=style.TICK_SIZE, color=style.QUIET, loc="right", pad=10)
    axes.legend(
        loc="lower left", framealpha=0.9, edgecolor="none", fontsize=style.TICK_SIZE, labelcolor=style.INK,
        handletextpad=0.6,
    )  # fmt: skip
    return style.finish(figure)
