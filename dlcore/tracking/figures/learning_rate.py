"""Figures: the learning rate over a run, and the loss over the learning rate in a range test."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_MOST_POINTS = 4000


def schedule_curve(
    rates: Any, steps_per_epoch: int, title: str, notes: Sequence[str] = (), log: bool = False
) -> Figure:
    """Draw the learning rate of each step, with steps below and epochs above.

    The first, the highest and the last rate are marked, with their values above.

    Args:
        rates: Learning rate of each optimiser step of the run, not empty (S,).
        steps_per_epoch: Optimiser steps per epoch.
        title: Title of the figure.
        notes: Notes below the chart, a sentence each.
        log: Whether the scale is logarithmic.

    Raises:
        ArgumentError: There are no rates, or one is not positive on a logarithmic scale.
    """
    from matplotlib.ticker import MaxNLocator

    values = np.asarray(rates, dtype=np.float64)
    if not values.size:
        raise ArgumentError("rates", "the rate of at least one step", "none")
    if log and (values <= 0).any():
        raise ArgumentError("log", "rates above 0 for a logarithmic scale", float(values.min()), "Use a linear one.")
    steps, drawn = thin(values)
    figure = style.new_figure(9, 4.5)
    axes = figure.subplots()
    # A rate holds until the next step: draw the last one to its end.
    axes.step(np.append(steps, len(values) + 1) - 1, np.append(drawn, drawn[-1]), where="post", color=style.BLUE, lw=2)
    style.style_axes(axes, title, "optimiser step", "learning rate")
    axes.set_xlim(0, len(values))
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, float(values.max()) * 1.08 or 1)
        axes.yaxis.set_major_formatter(lambda rate, _: f"{rate:.6g}")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    to_epochs_and_back = (lambda step: step / steps_per_epoch), (lambda epoch: epoch * steps_per_epoch)
    above = axes.secondary_xaxis("top", functions=to_epochs_and_back)
    above.set_xlabel("epoch", fontsize=style.LABEL_SIZE, color=style.INK)
    above.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, length=3)
    above.xaxis.set_major_locator(MaxNLocator(10, integer=len(values) > steps_per_epoch))
    above.spines["top"].set_color(style.FAINT)
    _mark(axes, values)
    if notes:
        text = "\n".join(textwrap.fill(note, 120) for note in notes)
        axes.annotate(
            drawable(text), (0, 0), xycoords="axes fraction", xytext=(0, -44), textcoords="offset points", va="top",
            fontsize=style.TICK_SIZE, color=style.QUIET,
        )  # fmt: skip
    return style.finish(figure)


def thin(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return steps, counted from 1, and their values: the changes, or at most some thousand of them, evenly spread.

    The first, the last, the highest and the lowest value are always included.
    """
    places = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    if len(places) > _MOST_POINTS:
        places = places[np.linspace(0, len(places) - 1, _MOST_POINTS).astype(int)]
    always = [0, len(values) - 1, int(values.argmax()), int(values.argmin())]
    places = np.union1d(places, always)
    return places + 1, values[places]


def _mark(axes: Axes, values: np.ndarray) -> None:
    """Mark the first, the highest and the last rate, and print their values."""
    last, top = len(values) - 1, int(values.argmax())
    if values.min() == values.max():
        said = f"{values[0]:.4g} throughout"
    else:
        said = f"first {values[0]:.4g}, last {values[last]:.4g}"
        if values[top] > values[0]:
            said = f"first {values[0]:.4g}, greatest {values[top]:.4g} at step {top + 1:,}, last {values[last]:.4g}"
        marks = sorted({0, top, last})
        axes.plot(marks, values[marks], "o", markersize=6, color=style.BLUE, clip_on=False, zorder=3)
    axes.set_title(said, fontsize=style.TICK_SIZE, color=style.QUIET, loc="right", pad=10)


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
    style.add_legend(axes, loc="lower left", frameon=True, framealpha=0.9, edgecolor="none", handletextpad=0.6)
    return style.finish(figure)
