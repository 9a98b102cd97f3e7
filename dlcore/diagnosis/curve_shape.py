"""The shape of a curve in numbers: where its best is, whether it still falls, how much it swings.

Shapes: P points.
"""

from __future__ import annotations

import numpy as np


def smoothed(values: np.ndarray, width: int = 3) -> np.ndarray:
    """The mean of each value and its neighbours (P,), fewer of them at the ends."""
    half = width // 2
    return np.array([values[max(place - half, 0) : place + half + 1].mean() for place in range(len(values))])


def fall_at_end(values: np.ndarray) -> float:
    """How much a curve falls from point to point at its end, as a share of its value before; below 0 where it rises.

    It is the slope of the straight line through the last third of the points, at least 3 (2 where there are no more),
    as a share of that line's last value but one. NaN for fewer, and for values that are not finite.
    """
    tail = values[-max(3, len(values) // 3) :]
    if len(tail) < 2 or not np.isfinite(tail).all():
        return float("nan")
    slope, start = np.polyfit(np.arange(len(tail)), tail, 1)
    before = abs(start + slope * (len(tail) - 2))
    return float(-slope / before) if before > 0 else float("nan")


def swing(values: np.ndarray) -> float:
    """How far the points lie from their smoothed curve, as a share of its level: the mean over the later two thirds."""
    later = values[len(values) // 3 :]
    if len(later) < 5 or not np.isfinite(later).all():
        return float("nan")
    smooth = smoothed(later, 5)
    level = np.abs(smooth).mean()
    return float(np.abs(later - smooth).mean() / level) if level else float("nan")


def checks_since_best(values: np.ndarray, greater: bool = False) -> int:
    """How many points lie after the best one."""
    finite = np.where(np.isfinite(values), values, -np.inf if greater else np.inf)
    best = int(np.argmax(finite) if greater else np.argmin(finite))
    return len(values) - 1 - best
