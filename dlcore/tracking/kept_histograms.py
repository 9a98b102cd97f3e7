"""``distributions.json``: histograms of a run's weights and biases, at its start and at its latest record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlcore.errors import DataError
from dlcore.tracking.histogram import Histogram, HistogramTensors
from dlcore.tracking.run_file import replace_file

FILE = "distributions.json"


@dataclass(frozen=True)
class Distributions:
    """Histograms at one step.

    Args:
        step: Optimiser steps completed.
        histograms: Histograms by TensorBoard tag (``weights/00_linear_1``), input side first.
    """

    step: int
    histograms: dict[str, Histogram]


class KeptHistograms:
    """File with the first and the latest histograms of a run; a resumed run keeps its first ones.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.first: Distributions | None = None
        self.last: Distributions | None = None
        if self.path.exists():
            self.first, self.last = read_distributions(self.path)

    def keep(self, counted: Mapping[str, HistogramTensors], step: int) -> None:
        """Store the histograms of a record; step 0 is a run's first record."""
        look = Distributions(step, {tag: tensors.read() for tag, tensors in counted.items()})
        if step == 0:
            self.first, self.last = look, None
        else:
            self.last = look
        content = {name: each and asdict(each) for name, each in (("first", self.first), ("last", self.last))}
        replace_file(self.path, json.dumps(content).encode())


def read_distributions(path: Path) -> tuple[Distributions | None, Distributions | None]:
    """Read the first and the latest histograms of a run; None for missing ones.

    Args:
        path: The file, or the run's folder.

    Raises:
        DataError: There is no such file, or it holds something else.
    """
    path = path / FILE if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _distributions(content["first"]), _distributions(content["last"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as histograms of a run: {error!r}.") from error


def _distributions(content: Any) -> Distributions | None:
    if content is None:
        return None
    histograms = {}
    for tag, each in content["histograms"].items():
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in each.items()}
        histograms[tag] = Histogram(**values)
    return Distributions(int(content["step"]), histograms)
