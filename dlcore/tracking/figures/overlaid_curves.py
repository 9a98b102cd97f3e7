"""Figures: overlaid curves of several runs or variants, and the spread of their hidden values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.fonts import drawable
from dlcore.tracking.figures.mosaic import fit_text
from dlcore.tracking.metric_names import is_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Points = tuple[np.ndarray, np.ndarray]

_X_LABELS = {"epoch": "epoch", "samples": "training samples seen", "seconds": "seconds", "step": "optimiser step"}
_BESIDE: dict[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (1.02, 1.02),
    "fontsize": style.TICK_SIZE + 0.5,
}  # a legend at the right of a chart
_KINDS = (("train", (0, (3, 2)), 1.3, 0.75), ("val", "-", 2.2, 1.0))
# Ratio of largest to smallest loss above which the scale is logarithmic.
_LOG_FROM = 80.0


@dataclass(frozen=True)
class Family:
    """Curves with one name in the legend: one per seed, for each metric.

    Args:
        name: The name, for the legend.
        curves: Curves by metric (``val/loss``): x (P,) and y (P,) of each.
    """

    name: str
    curves: Mapping[str, Sequence[Points]] = field(default_factory=dict)


def overlaid_curves(
    families: Sequence[Family], quantities: Sequence[str], x: str = "epoch", title: str = "", note: str = ""
) -> Figure:
    """Draw one chart per quantity with the curves of all families.

    For several seeds, a line shows the mean and a band the range. Values that are not finite interrupt a curve. The
    legend is at the right, in the order of the last validation values.

    Args:
        families: Families to compare, at least one.
        quantities: The X of ``train/X`` and ``val/X``; quantities without curves are skipped.
        x: The x axis: ``epoch``, ``samples``, ``seconds`` or ``step``.
        title: Title of the figure.
        note: A line below the title.

    Raises:
        ArgumentError: None of the quantities has curves.
    """
    drawn = [name for name in quantities if any(_has(family, name) for family in families)]
    if not drawn:
        there = sorted({metric for family in families for metric in family.curves})
        raise ArgumentError("plot", f"quantities that were logged ({', '.join(there) or 'none'})", list(quantities))
    longest = max(len(family.name) for family in families)
    legend = min(1.1 + 0.085 * min(longest, 34), 4.0)
    height = max(4.4, 1.6 + 0.27 * len(families))
    figure = style.new_figure(4.9 * len(drawn) + legend, height + 0.3 * bool(title) + 0.2 * bool(note))
    figure.set_layout_engine("constrained", w_pad=0.15, h_pad=0.1, wspace=0.04)
    charts = np.atleast_1d(figure.subplots(1, len(drawn)))
    colors = family_colors(len(families))
    for axes, quantity in zip(charts, drawn, strict=True):
        for family, color in zip(families, colors, strict=True):
            _draw(axes, family, quantity, color)
        _finish_chart(axes, quantity, x)
    _add_legend(figure, charts[-1], families, colors, drawn[-1])
    if title or note:
        style.head(figure, title, note or None, style.TITLE_SIZE + 2)
    return style.finish(figure)


def family_colors(count: int) -> list[str]:
    """Return a colour for each family: from `style.CYCLE` if they are enough, else from dark to light."""
    if count <= len(style.CYCLE):
        return list(style.CYCLE[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(color) for color in colormaps[style.SEQUENTIAL](np.linspace(0.0, 0.92, count))]


def _has(family: Family, quantity: str) -> bool:
    return any(family.curves.get(f"{kind}/{quantity}") for kind, *_ in _KINDS)


def _draw(axes: Axes, family: Family, quantity: str, color: str) -> None:
    for kind, dashes, width, alpha in _KINDS:
        curves = family.curves.get(f"{kind}/{quantity}", ())
        if not curves:
            continue
        grid, values = _common(curves)
        finite = np.isfinite(values)
        count = finite.sum(axis=0)
        mean = np.where(count > 0, np.where(finite, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
        marker = "o" if kind == "val" and len(grid) <= 12 else None
        axes.plot(grid, mean, color=color, linestyle=dashes, linewidth=width, alpha=alpha, marker=marker, markersize=4)
        if len(curves) > 1 and kind == "val":
            low = np.where(count > 0, np.where(finite, values, np.inf).min(axis=0), np.nan)
            high = np.where(count > 0, np.where(finite, values, -np.inf).max(axis=0), np.nan)
            axes.fill_between(grid, low, high, color=color, alpha=0.16, linewidth=0)


def _common(curves: Sequence[Points]) -> tuple[np.ndarray, np.ndarray]:
    """Return curves on common x values: their own if equal, else by linear interpolation."""
    grid = np.asarray(curves[0][0], dtype=np.float64)
    if all(len(x) == len(grid) and np.allclose(x, grid, equal_nan=True) for x, _ in curves):
        return grid, np.stack([np.asarray(y, dtype=np.float64) for _, y in curves])
    grid = np.unique(np.concatenate([np.asarray(x, dtype=np.float64) for x, _ in curves]))
    return grid, np.stack([np.interp(grid, x, y, left=np.nan, right=np.nan) for x, y in curves])


def _finish_chart(axes: Axes, quantity: str, x: str) -> None:
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

    share = is_share(quantity)
    style.style_axes(axes, quantity.replace("_", " "), _X_LABELS.get(x, x))
    lines = [np.asarray(line.get_ydata(), dtype=np.float64) for line in axes.lines]
    values = np.concatenate(lines) if lines else np.zeros(0)
    values = values[np.isfinite(values)]
    if not share and len(values) and values.min() > 0 and values.max() / values.min() > _LOG_FROM:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title(
            drawable(f"{quantity.replace('_', ' ')} (logarithmic)"), fontsize=style.TITLE_SIZE, loc="left", pad=10
        )
    else:
        axes.margins(y=0.07)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=x == "epoch", nbins=8, steps=[1, 2, 5, 10]))
    if x in ("samples", "step"):
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if share:
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(high, 1.02))
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0 if high - low > 0.05 else 1))


def _add_legend(figure: Figure, axes: Axes, families: Sequence[Family], colors: Sequence[str], quantity: str) -> None:
    from matplotlib.lines import Line2D

    share = is_share(quantity)
    # Order from top to bottom as the curves end.
    order = sorted(range(len(families)), key=lambda place: -_end(families[place], quantity))
    entries = [
        Line2D([], [], color=colors[place], linewidth=2.2, label=drawable(_label(families[place], quantity, share)))
        for place in order
    ]
    if any(name.startswith("train/") for family in families for name in family.curves):
        entries += [
            Line2D([], [], color="none", label=" "),
            Line2D([], [], color="#555555", linewidth=2.2, label="validation"),
            Line2D([], [], color="#555555", linewidth=1.3, linestyle=(0, (3, 2)), label="training"),
        ]
    style.add_legend(axes, entries, **_BESIDE, handlelength=1.9, labelspacing=0.55)


def _label(family: Family, quantity: str, share: bool) -> str:
    """Return a family's name, with its last validation value if it is a share."""
    end = _end(family, quantity)
    name = family.name if len(family.name) <= 34 else family.name[:33] + "…"
    return f"{name}  {end:.1%}" if share and np.isfinite(end) else name


def _end(family: Family, quantity: str) -> float:
    ends = [float(y[-1]) for _, y in family.curves.get(f"val/{quantity}", ()) if len(y) and np.isfinite(y[-1])]
    return sum(ends) / len(ends) if ends else -np.inf


_MOST, _WIDE, _HIGH = 4, 4.4, 4.2  # charts; inches of a chart


def hidden_spread(runs: Sequence[tuple[str, Mapping[str, Points]]], title: str = "", note: str = "") -> Figure:
    """Draw a chart for each of the first four layers, with a curve for each run.

    Args:
        runs: Name of each run, and its records by layer: epochs (P,) and standard deviations of the values (P,).
        title: Title of the figure.
        note: A line below the title.

    Raises:
        ArgumentError: No run has a record of a layer.
    """
    from matplotlib.ticker import MaxNLocator

    layers = list(dict.fromkeys(layer for _, looks in runs for layer in looks))
    if not layers:
        raise ArgumentError("runs", "at least one with a record of a layer", [name for name, _ in runs])
    shown = layers[:_MOST]
    longest = min(max(len(name) for name, _ in runs), 34)
    figure = style.new_figure(_WIDE * len(shown) + 1.1 + 0.085 * longest, _HIGH + 0.5)
    figure.set_layout_engine("constrained", w_pad=0.15, h_pad=0.1, wspace=0.04)
    less = f"; {len(shown)} of {len(layers)} layers" if len(shown) < len(layers) else ""
    lines = f"standard deviation of the values that a layer gives, logarithmic{less}{f'; {note}' if note else ''}"
    style.head(figure, title, lines, style.TITLE_SIZE + 2)
    colors = family_colors(len(runs))
    charts = np.atleast_1d(figure.subplots(1, len(shown), sharey=True))
    for axes, layer in zip(charts, shown, strict=True):
        style.style_axes(axes, "", "epoch")
        name = fit_text(layer, _WIDE - 0.5, style.TITLE_SIZE)
        axes.set_title(name, fontsize=style.TITLE_SIZE, color=style.INK, loc="left", pad=10)
        for (name, looks), color in zip(runs, colors, strict=True):
            epochs, values = (np.asarray(each, dtype=np.float64) for each in looks.get(layer, ((), ())))
            # If all units are dead, the deviation is 0, which a logarithmic axis cannot show.
            drawn = np.where(np.isfinite(values) & (values > 0), values, np.nan)
            marker = "o" if len(drawn) <= 12 else None
            axes.plot(epochs, drawn, color=color, linewidth=2, marker=marker, markersize=4.5, label=drawable(name))
        axes.set_yscale("log")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    style.add_legend(charts[-1], **_BESIDE)
    return style.finish(figure)
