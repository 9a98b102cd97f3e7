"""Strip with the learning rate, on a logarithmic scale, below charts with the same x axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.tracking.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Relative difference below which rates count as equal: the table has seven digits.
_SAME = 1e-6


def rate_points(
    rates: Sequence[float | None], positions: np.ndarray, events: Sequence[Mapping[str, Any]] = (), epochs: bool = True
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the learning rate over a run.

    Args:
        rates: The rate of each row (P,); None if it was not logged.
        positions: Positions of the rows on the x axis (P,).
        events: The run's events, which give the exact position of a cut.
        epochs: Whether the x axis counts epochs (else steps).

    Returns:
        x (Q,) and rate (Q,), above 0; None for a rate that never changed.
    """
    points = [(float(x), 0, rate) for x, rate in zip(positions, rates, strict=False) if rate is not None and rate > 0]
    for event in events:
        place = event.get("epoch") if epochs else event["step"]
        if event["kind"] == "learning_rate_cut" and place is not None and "before" in event and "after" in event:
            # At the same position, sort the row with the rate of the step before first.
            points += [(float(place), 1, event["before"]), (float(place), 2, event["after"])]
    points = sorted(point for point in points if np.isfinite(point[0]) and np.isfinite(point[2]) and point[2] > 0)
    if not points:
        return None
    x, _, y = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    return (x, y) if y.max() > y.min() * (1 + _SAME) else None


def draw_rate(axes: Axes, x: np.ndarray, rate: np.ndarray) -> None:
    """Draw the strip, with ticks at the highest and the lowest rate."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    style.style_axes(axes)
    axes.set_ylabel("learning rate", fontsize=style.TICK_SIZE, color=style.INK)
    axes.set_yscale("log")
    axes.plot(x, rate, color=style.INK, linewidth=1.4, marker="." if len(x) <= 4 else None)
    axes.margins(y=0.18)
    axes.yaxis.set_major_locator(FixedLocator([rate.min(), rate.max()]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
