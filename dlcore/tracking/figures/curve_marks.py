"""Additions to charts over the epochs: marks of the run's events, and a strip with the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Kinds to draw, in the order of the legend: label, colour, dashes.
_LOOKS: dict[str, tuple[str, str, Any]] = {
    "learning_rate_cut": ("learning rate cut", style.PURPLE, (0, (4, 2))),
    "unfrozen": ("layers unfrozen", style.QUIET, (0, (4, 2))),
    "stopped_early": ("stopped early", style.GREEN, "-"),
    "resumed": ("resumed", style.SKY, "-"),
    "interrupted": ("interrupted", style.ORANGE, (0, (1, 1.5))),
    "not_finite": ("not finite", style.NOT_A_NUMBER, (0, (1, 1))),
    "failed": ("failed", style.INFINITE, "-"),
}
_NAMED = 3  # up to so many positions are listed; above, only their number


@dataclass(frozen=True)
class Mark:
    """Events of one kind.

    Args:
        kind: Their kind.
        places: Their positions on the x axis, rising.
        about: Their subject (the metric that is not finite); empty if the kind is enough.
    """

    kind: str
    places: tuple[float, ...]
    about: str = ""

    def label(self, unit: str) -> str:
        """Return the legend's text: ``resumed (epoch 2, 5)``."""
        name = _LOOKS[self.kind][0] + (f": {self.about}" if self.about else "")
        if len(self.places) > _NAMED:
            return f"{name} ({len(self.places)} times)"
        where = ", ".join(f"{place:.3g}" if unit == "epoch" else f"{place:,.0f}" for place in self.places)
        return f"{name} ({unit.removeprefix('optimiser ')} {where})"


def event_marks(
    events: Sequence[Mapping[str, Any]], steps: Sequence[float | None], positions: np.ndarray
) -> list[Mark]:
    """Collect the marks of a run's events.

    Args:
        events: Events from `read_events`.
        steps: Steps (P,) of a run's rows, rising.
        positions: Positions of these rows on the x axis (P,).

    Returns:
        One mark per kind, in the legend's order.
    """
    resumed = {event["step"] for event in events if event["kind"] == "resumed"}
    known = np.array(steps, dtype=np.float64)
    found: dict[str, list[float]] = {kind: [] for kind in _LOOKS}
    lost: dict[str, None] = {}
    for event in events:
        # A run that stopped and resumed at the same step gets one mark.
        if event["kind"] not in _LOOKS or (event["kind"] in ("interrupted", "failed") and event["step"] in resumed):
            continue
        # Mark only the first metric that is not finite; the others follow from it.
        if event["kind"] == "not_finite":
            lost[str(event.get("metric", ""))] = None
            if len(lost) > 1:
                continue
        place = float(np.interp(event["step"], known, positions)) if len(known) else float(event["step"])
        found[event["kind"]].append(place)
    about = f"{next(iter(lost), '')}{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}"
    return [
        Mark(kind, tuple(sorted(places)), about if kind == "not_finite" else "")
        for kind, places in found.items()
        if places
    ]


def draw_marks(figure: Figure, charts: np.ndarray, marks: Sequence[Mark], unit: str) -> None:
    """Draw the marks through all charts, behind the curves, with a legend below."""
    if not marks:
        return
    from matplotlib.lines import Line2D

    entries = []
    for mark in marks:
        _, color, dashes = _LOOKS[mark.kind]
        # Many lines must not hide the curves.
        alpha = float(np.clip(9 / len(mark.places), 0.3, 0.9))
        for axes in charts:
            for place in mark.places:
                axes.axvline(place, color=color, linestyle=dashes, linewidth=1.1, alpha=alpha, zorder=1.5)
        entries.append(Line2D([], [], color=color, linestyle=dashes, linewidth=1.4, label=drawable(mark.label(unit))))
    look = {"ncols": min(len(entries), 3), "handlelength": 1.6, "columnspacing": 1.6}
    style.add_legend(figure, entries, loc="outside lower left", **look)


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
