"""The figure of all curves: the cost of training on top, then corpus, study and processes, time above memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.growth.points import Found, Point
from dlcore.tracking.figures.style import BLUE, GREEN, INK, ORANGE, TICK_SIZE, VERMILION, finish, new_figure, style_axes

_WORK = {
    "samples": ("An epoch, by samples", "pictures of 28 x 28", "CPU seconds an epoch"),
    "parameters": ("A step, by parameters", "parameters of an MLP", "CPU seconds a step"),
    "words": ("A step, by vocabulary", "words of a TextRNN", "CPU seconds a step"),
}
_MEMORY = "peak memory, MB"
_KINDS = {"words": "o-", "characters": "s--"}
_Whats = dict[str, tuple[str, str]]
_BATCHES = {"weak": "256 a step in each", "strong": "256 a step in all"}


def draw(found: Found, path: Path) -> None:
    """Draw all points; leave out a panel without points.

    Args:
        found: Points by curve and size.
        path: The PNG file.
    """
    rows = [list(_WORK), ["corpus time", "variants time", "processes time"]]
    rows.append([name.replace("time", "memory") for name in rows[1]])
    shown = [[name for name in row if any(curve.startswith(name.split()[0]) for curve in found)] for row in rows]
    shown = [row for row in shown if row]
    figure = new_figure(4.6 * max(map(len, shown)), 3.9 * len(shown))
    grid = figure.add_gridspec(len(shown), max(map(len, shown)))
    for y, row in enumerate(shown):
        for x, name in enumerate(row):
            axes = figure.add_subplot(grid[y, x])
            if name in _WORK:
                _draw_work(axes, name, found[name])
            else:
                _PANELS[name](axes, found)
    finish(figure)
    figure.savefig(path)


def _draw_work(axes: Any, name: str, points: dict[str, Point]) -> None:
    """Draw time on the left axis, memory on the right."""
    title, x_label, y_label = _WORK[name]
    style_axes(axes, title, x_label, y_label)
    time = _line(axes, points, "seconds", "time", BLUE)
    slope = _slope(axes, points, "seconds", 1, "slope 1")
    other = axes.twinx()
    sizes, megabytes = _values(points, "megabytes")
    memory = other.loglog(sizes, megabytes, "s--", color=VERMILION, markersize=4, label="memory above idle, right")[0]
    other.set_ylabel("MB", color=INK)
    other.tick_params(labelsize=TICK_SIZE, colors=INK, length=3)
    for spine in other.spines.values():
        spine.set_visible(False)
    axes.legend(handles=[time, memory, slope], loc="upper left", fontsize=9, frameon=False)
    _room_above(axes, 12)
    _room_above(other, 12)


def _corpus_time(axes: Any, found: Found) -> None:
    style_axes(axes, "A corpus: time", "bytes of text", "CPU seconds")
    whats = {
        "cut_cpu": ("cut and store", BLUE),
        "epoch_cpu": ("an epoch's batches", GREEN),
        "open_cpu": ("open", ORANGE),
    }
    _corpus_lines(axes, found, whats)
    longest = max((points for name, points in found.items() if name.startswith("corpus")), key=len)
    slope = _slope(axes, longest, "epoch_cpu", 1, "slope 1")
    _room_above(axes, 25)
    _corpus_legend(axes, whats, slope, "upper left")


def _corpus_memory(axes: Any, found: Found) -> None:
    style_axes(axes, "A corpus: memory", "bytes of text", _MEMORY)
    whats = {"cut_own": ("cut and store, all processes", BLUE), "epoch_own": ("an epoch's batches", GREEN)}
    _corpus_lines(axes, found, whats)
    text = _text_size(axes, found)
    axes.set_ylim(1, max(3000, axes.get_ylim()[1]))
    _corpus_legend(axes, whats, text, "lower right")


def _corpus_lines(axes: Any, found: Found, whats: _Whats) -> None:
    for kind, style in _KINDS.items():
        for what, (_, color) in whats.items():
            _line(axes, found.get(f"corpus, {kind}", {}), what, "", color, style)


def _corpus_legend(axes: Any, whats: _Whats, other: Any, place: str) -> None:
    """Draw a legend: colours for the quantity, line styles for the kind of text."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=color, linewidth=3, label=label) for label, color in whats.values()]
    handles += [_sample(style, f"text in {kind}") for kind, style in _KINDS.items()]
    axes.legend(handles=[*handles, other], loc=place, fontsize=9, frameon=False)


def _sample(style: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=INK, marker=style[0], linestyle=style[1:], markersize=4, label=label)


def _text_size(axes: Any, found: Found) -> Any:
    """Draw the line of a corpus held in memory as text."""
    sizes = sorted({int(size) for name, points in found.items() if name.startswith("corpus") for size in points})
    return axes.loglog(sizes, [size / 1e6 for size in sizes], ":", color="gray", label="the text itself")[0]


def _variants_time(axes: Any, found: Found) -> None:
    style_axes(axes, "A study: time", "variants", "seconds")
    for jobs, style in ((1, "o-"), (2, "s--")):
        points = found.get(f"variants, jobs {jobs}", {})
        at_once = "one run at a time" if jobs == 1 else "two at a time"
        _line(axes, points, "wall", f"clock, {at_once}", BLUE, style)
        _line(axes, points, "cpu", f"CPU, {at_once}", GREEN, style)
    _slope(axes, found.get("variants, jobs 1", {}), "wall", 1, "slope 1")
    _whole_numbers(axes, found, "variants")
    _legend(axes, 12)


def _variants_memory(axes: Any, found: Found) -> None:
    style_axes(axes, "A study: memory of a process", "variants", _MEMORY)
    for jobs, style in ((1, "o-"), (2, "s--")):
        points = found.get(f"variants, jobs {jobs}", {})
        at_once = "one run at a time" if jobs == 1 else "two at a time"
        _line(axes, points, "first_own", f"it leads, {at_once}", BLUE, style)
        _line(axes, points, "largest_own", f"it trains, {at_once}", VERMILION, style)
    _whole_numbers(axes, found, "variants")
    _from_zero(axes)


def _processes_time(axes: Any, found: Found) -> None:
    style_axes(axes, "Processes (DDP on the CPU): time", "processes", "seconds an epoch, by the clock")
    for name, style in (("weak", "o-"), ("strong", "s--")):
        points = found.get(f"processes, {name}", {})
        label = _BATCHES[name]
        _line(axes, points, "wall", label, BLUE if name == "weak" else VERMILION, style)
        shared = {size: {"floor": point["cpu"] / min(int(size), point["cores"])} for size, point in points.items()}
        _line(axes, shared, "floor", f"CPU time by cores: {label}", GREEN if name == "weak" else ORANGE, style)
    _slope(axes, found.get("processes, weak", {}), "wall", -1, "half for twice", at=0)
    _whole_numbers(axes, found, "processes")
    _legend(axes, 4)


def _processes_memory(axes: Any, found: Found) -> None:
    style_axes(axes, "Processes: memory of each", "processes", _MEMORY)
    for name, style, color in (("weak", "o-", BLUE), ("strong", "s--", VERMILION)):
        points = found.get(f"processes, {name}", {})
        _line(
            axes, points, "largest_own", "256 a step in each" if name == "weak" else "256 a step in all", color, style
        )
    _whole_numbers(axes, found, "processes")
    _from_zero(axes)


_PANELS = {
    "corpus time": _corpus_time,
    "corpus memory": _corpus_memory,
    "variants time": _variants_time,
    "variants memory": _variants_memory,
    "processes time": _processes_time,
    "processes memory": _processes_memory,
}


def _values(points: dict[str, Point], what: str) -> tuple[list[int], list[float]]:
    return [int(size) for size in points], [point[what] for point in points.values()]


def _line(axes: Any, points: dict[str, Point], what: str, label: str, color: str, style: str = "o-") -> Any:
    if points:
        return axes.loglog(*_values(points, what), style, color=color, label=label, markersize=4, linewidth=1.5)[0]
    return None


def _slope(axes: Any, points: dict[str, Point], what: str, power: int, label: str, at: int = -1) -> Any:
    """Draw the expected slope as a thin line through one of the points."""
    if not points:
        return None
    sizes, values = _values(points, what)
    line = [values[at] * (size / sizes[at]) ** power for size in sizes]
    return axes.loglog(sizes, line, ":", color="gray", label=label)[0]


def _whole_numbers(axes: Any, found: Found, question: str) -> None:
    """Label sizes and values as plain numbers, not as powers of ten."""
    from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

    of_question = [points for name, points in found.items() if name.startswith(question)]
    sizes: Sequence[int] = sorted({int(size) for points in of_question for size in points})
    axes.set_xticks(sizes)
    axes.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_locator(NullLocator())


def _legend(axes: Any, room: float) -> None:
    _room_above(axes, room)
    axes.legend(loc="upper left", fontsize=9, frameon=False)


def _from_zero(axes: Any) -> None:
    """Set a linear axis from zero, with room for the legend."""
    from matplotlib.ticker import AutoLocator

    axes.set_yscale("linear")
    axes.yaxis.set_major_locator(AutoLocator())
    axes.set_ylim(0, axes.get_ylim()[1] * 1.5)
    axes.legend(loc="upper left", fontsize=9, frameon=False)


def _room_above(axes: Any, factor: float) -> None:
    """Make room for the legend above the curves of a logarithmic axis."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * factor)
