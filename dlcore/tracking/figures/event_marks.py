"""Marks of events in charts over the epochs: one thin line per event, one legend entry per kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Kinds to draw, in the order of the legend: label, colour, dashes.
_LOOKS: dict[str, tuple[str, str, Any]] = {
    "learning_rate_cut": ("learning rate cut", style.PURPLE, (0, (4, 2))),
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
    known = np.array([np.nan if step is None else step for step in steps], dtype=np.float64)
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
    """Draw the marks through all charts, behind the curves, with a legend below.

    Args:
        figure: The figure.
        charts: Its charts, which share their x axis.
        marks: The marks.
        unit: Unit of the x axis.
    """
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
    figure.legend(
        handles=entries, loc="outside lower left", ncols=min(len(entries), 3), frameon=False,
        fontsize=style.TICK_SIZE, labelcolor=style.INK, handlelength=1.6, columnspacing=1.6,
    )  # fmt: skip
