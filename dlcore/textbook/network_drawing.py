"""Drawing of a small network: units as circles in columns, weights as lines, with their numbers.

Shapes: L layers of units, input included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dlcore.tracking.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Unit = tuple[int, int]
"""Layer and place of a unit, each from 0; the input is layer 0."""
_RADIUS = 0.24


def draw_network(
    axes: Axes,
    units: Sequence[Sequence[str]],
    edges: Mapping[tuple[Unit, Unit], str],
    captions: Mapping[Unit, str] | None = None,
    headings: Sequence[str] = (),
    tips: Mapping[tuple[Unit, Unit], str] | None = None,
) -> None:
    """Draw units and weights.

    Args:
        axes: Where to draw.
        units: Text inside each unit of each of L layers.
        edges: Text on the line between two units of neighbouring layers; empty for a line without text.
        captions: Text below a unit.
        headings: Text above each layer.
        tips: A second text on a line, below the first, in the colour of gradients.
    """
    tallest = max(map(len, units))
    places = {
        (layer, place): (layer * 2.6, (tallest - len(texts)) / 2 * 1.5 + (len(texts) - 1 - place) * 1.5)
        for layer, texts in enumerate(units)
        for place, texts_ in enumerate(texts)
    }
    for (start, end), text in edges.items():
        (x1, y1), (x2, y2) = places[start], places[end]
        axes.plot([x1, x2], [y1, y2], color=style.FAINT, linewidth=1.4, zorder=1)
        # Nearer to the start, so that the numbers of crossing lines do not lie on each other.
        share = 0.32
        x, y = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
        tip = (tips or {}).get((start, end), "")
        for line, color, shift in ((text, style.BLUE, 0.09 * bool(tip)), (tip, style.VERMILION, -0.09)):
            if line:
                axes.text(x, y + shift, line, fontsize=style.TICK_SIZE, color=color, ha="center", va="center", zorder=2,
                          bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6})  # fmt: skip
    from matplotlib.patches import Circle

    for layer, texts in enumerate(units):
        for place, text in enumerate(texts):
            x, y = places[layer, place]
            axes.add_patch(Circle((x, y), _RADIUS, facecolor="#EAF3FA", edgecolor=style.BLUE, linewidth=1.3, zorder=3))
            axes.text(x, y, text, fontsize=style.TICK_SIZE, color=style.INK, ha="center", va="center", zorder=4)
            if caption := (captions or {}).get((layer, place)):
                axes.text(
                    x, y - _RADIUS - 0.06, caption, fontsize=8, color=style.QUIET, ha="center", va="top", zorder=4
                )
    top = max(y for _, y in places.values()) + 0.62
    for layer, heading in enumerate(headings):
        axes.text(layer * 2.6, top, heading, fontsize=style.LABEL_SIZE, color=style.QUIET, ha="center")
    axes.set_xlim(-0.6, (len(units) - 1) * 2.6 + 0.6)
    axes.set_ylim(min(y for _, y in places.values()) - 0.75, top + 0.25)
    axes.set_aspect("equal")
    axes.axis("off")
