"""Figure: curves of a training that still runs, as SVG: drawn in a millisecond, for which matplotlib needs hundreds."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

import numpy as np

from dlcore.tracking.figures import style
from dlcore.tracking.figures.learning_curves import Columns, any_of, points, positions
from dlcore.tracking.metric_names import is_share, spoken

# Pixels: a chart with its margins, and what is above the charts.
_WIDE, _HIGH, _HEAD = 470, 250, 34
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 18, 30, 40
_LINES = (
    ("train/{}_step", "training, step by step", style.TRAIN, 0.35),
    ("train/{}", "training", style.TRAIN, 1.0),
    ("val/{}", "validation", style.VALIDATION, 1.0),
)


def live_curves(columns: Columns, title: str, quantities: Sequence[str]) -> str:
    """Draw the curves of a run side by side, one chart per quantity, with training and validation on one chart.

    Args:
        columns: The run's metrics so far, as `learning_curves` takes them. Values that are not finite leave a gap.
        title: Line above the charts.
        quantities: Quantities to draw.

    Returns:
        The content of an SVG file.
    """
    x, unit = positions(columns)
    charts = [_chart(columns, name, x, unit, place * _WIDE) for place, name in enumerate(quantities)]
    width, height = _WIDE * max(1, len(charts)), _HEAD + _HIGH * bool(charts)
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
            f'<rect width="100%" height="100%" fill="{style.PAPER}"/>',
            _text(12, 22, title, 14, style.INK, "start"),
            *charts,
            "</svg>",
        ]
    )


def _chart(columns: Columns, quantity: str, x: np.ndarray, unit: str, left: float) -> str:
    """Draw one quantity, `left` pixels from the left edge."""
    named = [(columns.get(name.format(quantity), ()), label, color, alpha) for name, label, color, alpha in _LINES]
    drawn = [(*points(column, x), label, color, alpha) for column, label, color, alpha in named if any_of(column)]
    values = np.concatenate([y[np.isfinite(y)] for _, y, *_ in drawn]) if drawn else np.zeros(0)
    marks = _marks(float(values.min()), float(values.max())) if len(values) else [0.0, 1.0]
    low, high, last = marks[0], marks[-1], float(x.max(initial=0.0)) or 1.0
    right, bottom = left + _WIDE - _RIGHT, _HEAD + _HIGH - _BOTTOM
    wide, tall = _WIDE - _LEFT - _RIGHT, _HIGH - _TOP - _BOTTOM
    parts = [_text(left + _LEFT, _HEAD + 14, spoken(quantity), 13, style.INK, "start")]
    for mark in marks:
        height = bottom - (mark - low) / (high - low) * tall
        parts.append(f'<path d="M{left + _LEFT:.0f} {height:.1f}H{right:.0f}" stroke="{style.FAINT}"/>')
        label = f"{mark * 100:.4g}%" if is_share(quantity) else f"{mark:.4g}"
        parts.append(_text(left + _LEFT - 6, height + 4, label, 11))
    parts += [_text(left + _LEFT, bottom + 16, "0", 11, anchor="middle"), _text(right, bottom + 16, f"{last:.4g}", 11)]
    parts.append(_text(left + _LEFT + wide / 2, bottom + 30, unit, 11, anchor="middle"))
    for at, y, _, color, alpha in drawn:
        down = bottom - (y - low) / (high - low) * tall
        parts.append(_line(left + _LEFT + at / last * wide, down, color, alpha))
    for _, _, label, color, _ in reversed(drawn):  # from the right
        parts.append(_text(right, _HEAD + 14, label, 11, color))
        right -= 6.2 * len(label) + 10
    return "".join(parts)


def _line(across: np.ndarray, down: np.ndarray, color: str, opacity: float) -> str:
    """Draw a line through points, in pieces where some are missing; few points are marked."""
    look = f'stroke="{color}" stroke-width="2" stroke-opacity="{opacity:g}" fill="none"'
    parts = []
    places = sorted(zip(across.tolist(), down.tolist(), strict=True))
    for finite, piece in groupby(places, key=lambda place: place[1] == place[1]):
        if finite:
            parts.append(f'<polyline {look} points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in piece)}"/>')
    if len(places) <= 40:
        dots = [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}"' for a, b in places if b == b]
        parts += [f'{dot} fill-opacity="{opacity:g}"/>' for dot in dots]
    return "".join(parts)


def _text(x: float, y: float, text: str, size: int, color: str = style.QUIET, anchor: str = "end") -> str:
    look = f'font-size="{size}" fill="{color}" text-anchor="{anchor}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" {look}>{escape(text)}</text>'


def _marks(low: float, high: float) -> list[float]:
    """Return round numbers at equal distances, from at most `low` to at least `high`."""
    span = (high - low) or abs(high) or 1.0
    rough = span / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [float(f"{number * step:.10g}") for number in range(first, max(last, first + 1) + 1)]
