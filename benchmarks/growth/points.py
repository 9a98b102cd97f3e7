"""Points of curves: each is measured once and saved at once, so that an interrupted run can continue."""

from __future__ import annotations

import json
import os
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Point = dict[str, float]
Found = dict[str, dict[str, Point]]


@dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        name: Its name; ``corpus, words`` belongs to the question ``corpus``.
        sizes: Returns the sizes to measure, from the arguments of the command.
        measure: Measures one size, in new processes; prints why and returns None if it is impossible on this machine.
        unit: Unit of the sizes, as printed.
    """

    name: str
    sizes: Callable[[Namespace], Sequence[int]]
    measure: Callable[[int, Namespace], Point | None]
    unit: str

    @property
    def question(self) -> str:
        """The question that it belongs to."""
        return self.name.partition(",")[0]


def collect(curves: Sequence[Curve], path: Path, arguments: Namespace) -> Found:
    """Measure the points that are not in the file yet.

    Args:
        curves: The curves.
        path: The JSON file; it is written after each point.
        arguments: Arguments of the command; ``again`` measures existing points again.

    Returns:
        All points of the file, including those of other curves.
    """
    found: Found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for curve in curves:
        points = found.setdefault(curve.name, {})
        for size in curve.sizes(arguments):
            if str(size) in points and not arguments.again:
                continue
            start = time.perf_counter()
            point = curve.measure(size, arguments)
            if point is None:
                continue
            points[str(size)] = {**point, "load": round(os.getloadavg()[0], 1)}
            found[curve.name] = points = dict(sorted(points.items(), key=lambda item: int(item[0])))
            write(found, path)
            said = ", ".join(f"{name} {_short(value)}" for name, value in point.items())
            print(f"{curve.name}: {size:,} {curve.unit}: {said} ({time.perf_counter() - start:.0f} s)", flush=True)
    return {name: points for name, points in found.items() if points}


def write(found: Found, path: Path) -> None:
    """Write the file atomically."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(found, indent=1), encoding="utf-8")
    temporary.replace(path)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"
