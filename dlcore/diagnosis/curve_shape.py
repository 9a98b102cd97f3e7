"""Measures of a curve's shape: position of its best value, slope at its end, swing.

Shapes: P points.
"""

from __future__ import annotations

import numpy as np


def smoothed(values: np.ndarray, width: int = 3) -> np.ndarray:
    """Return the moving average (P,), over fewer points at the ends."""
    half = width // 2
    return np.array([values[max(place - half, 0) : place + half + 1].mean() for place in range(len(values))])


def fall_at_end(values: np.ndarray) -> float:
    """Return a curve's relative fall per point at its end; negative if it rises.

    This is the negative slope of the line fitted to the last third of the points, at least 3 (2 if there are no more),
    divided by the line's second-last value. NaN for fewer points, and for values that are not finite.
    """
    tail = values[-max(3, len(values) // 3) :]
    if len(tail) < 2 or not np.isfinite(tail).all():
        return float("nan")
    slope, start = np.polyfit(np.arange(len(tail)), tail, 1)
    before = abs(start + slope * (len(tail) - 2))
    return float(-slope / before) if before > 0 else float("nan")


def swing(values: np.ndarray) -> float:
    """Return the mean distance from the smoothed curve, relative to its level, over the last two thirds."""
    later = values[len(values) // 3 :]
    if len(later) < 5 or not np.isfinite(later).all():
        return float("nan")
    smooth = smoothed(later, 5)
    level = np.abs(smooth).mean()
    return float(np.abs(later - smooth).mean() / level) if level else float("nan")


def checks_since_best(values: np.ndarray, greater: bool = False) -> int:
    """Return the number of points after the best one."""
    finite = np.where(np.isfinite(values), values, -np.inf if greater else np.inf)
    best = int(np.argmax(finite) if greater else np.argmin(finite))
    return len(values) - 1 - best
