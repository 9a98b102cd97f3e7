"""The layers' table of a run, by look and by layer.

Shapes: R rows of the table, one a look and layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Rows that are about no layer of the network.
INPUTS, OUTPUTS = "inputs", "outputs"


class LayerLooks:
    """What was seen of each layer at each look.

    Args:
        table: Columns by name (R,): text for ``layer`` and ``kind``, numbers for the others, NaN for an empty cell.
    """

    def __init__(self, table: Mapping[str, Sequence[Any]]) -> None:
        self.layer = np.array(table["layer"], dtype=object)
        self.kind = np.array(table["kind"], dtype=object)
        self._numbers = {
            name: np.array(column, dtype=np.float64) for name, column in table.items() if name not in ("layer", "kind")
        }
        self.steps = np.unique(self._numbers["step"])

    def column(self, name: str) -> np.ndarray:
        """A column of numbers (R,); all NaN where the table has none of that name."""
        return self._numbers.get(name, np.full(len(self.layer), np.nan))

    def layers_with(self, column: str) -> list[str]:
        """Layers that have a value in a column at any look, from the input to the output; not inputs and outputs."""
        there = ~np.isnan(self.column(column))
        names = dict.fromkeys(self.layer[there])
        return [name for name in names if name not in (INPUTS, OUTPUTS)]

    def over_time(self, layer: str, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a layer, at the looks where it has one."""
        values = self.column(column)
        there = (self.layer == layer) & ~np.isnan(values)
        return self.column("step")[there], values[there]

    def first(self, layer: str, column: str) -> float:
        """A layer's first value; NaN where it has none."""
        values = self.over_time(layer, column)[1]
        return float(values[0]) if len(values) else np.nan

    def last(self, layer: str, column: str) -> float:
        """A layer's last value; NaN where it has none."""
        values = self.over_time(layer, column)[1]
        return float(values[-1]) if len(values) else np.nan

    def median(self, layer: str, column: str) -> float:
        """The median over a layer's looks, without values that are not finite; NaN where there are none."""
        values = self.over_time(layer, column)[1]
        values = values[np.isfinite(values)]
        return float(np.median(values)) if len(values) else np.nan

    def first_step(self, layer: str, column: str, threshold: float) -> int | None:
        """The first step at which a layer's value is at least so much; None: never."""
        steps, values = self.over_time(layer, column)
        above = steps[values >= threshold]
        return int(above[0]) if len(above) else None

    def has_kind(self, *words: str) -> bool:
        """Whether a layer's class has one of these words in its name."""
        return any(word in str(kind) for kind in set(self.kind) for word in words)

    def kind_of(self, layer: str) -> str:
        """The class of a layer, empty where there is none of that name."""
        found = self.kind[self.layer == layer]
        return str(found[0]) if len(found) else ""

    @property
    def update_ratios(self) -> dict[str, float]:
        """How far each layer's weights moved in a step, as a share of their size: the median over the looks."""
        return {
            name: ratio
            for name in self.layers_with("update_ratio")
            if not np.isnan(ratio := self.median(name, "update_ratio"))
        }

    @property
    def growth(self) -> dict[str, float]:
        """How many times as wide as at the start each layer's weights lay when they lay widest."""
        found = {}
        for name in self.layers_with("weight_std"):
            values = self.over_time(name, "weight_std")[1]
            values = values[np.isfinite(values)]
            if len(values) and values[0] > 0:
                found[name] = float(values.max() / values[0])
        return found
