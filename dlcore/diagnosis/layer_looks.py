"""Access to a run's layer table, by record and by layer.

Shapes: R rows of the table, one per record and layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from dlcore.translation import N_

# Rows that describe no layer.
INPUTS, OUTPUTS, VAL_INPUTS = N_("inputs"), N_("outputs"), N_("validation inputs")


class LayerLooks:
    """Layer table with the values of each layer at each record.

    Args:
        table: Columns by name (R,): text for ``layer`` and ``kind``, numbers for the others, NaN for an empty cell;
            empty for a run without such a table.
    """

    def __init__(self, table: Mapping[str, Sequence[Any]] = MappingProxyType({})) -> None:
        self.layer = np.array(table.get("layer", ()), dtype=object)
        self.kind = np.array(table.get("kind", ()), dtype=object)
        self._numbers = {
            name: np.array(column, dtype=np.float64) for name, column in table.items() if name not in ("layer", "kind")
        }
        self.steps = np.unique(self.column("step"))

    def __bool__(self) -> bool:
        return bool(len(self.layer))

    def column(self, name: str) -> np.ndarray:
        """Return a column of numbers (R,); all NaN if the table has no such column."""
        return self._numbers.get(name, np.full(len(self.layer), np.nan))

    def layers_with(self, column: str) -> list[str]:
        """Return the layers with a value in a column, from input to output, without the rows of inputs and outputs."""
        there = ~np.isnan(self.column(column))
        names = dict.fromkeys(self.layer[there])
        return [name for name in names if name not in (INPUTS, OUTPUTS, VAL_INPUTS)]

    def over_time(self, layer: str, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of a layer, without empty cells."""
        values = self.column(column)
        there = (self.layer == layer) & ~np.isnan(values)
        return self.column("step")[there], values[there]

    def first(self, layer: str, column: str) -> float:
        """Return a layer's first value; NaN if it has none."""
        values = self.over_time(layer, column)[1]
        return float(values[0]) if len(values) else np.nan

    def last(self, layer: str, column: str) -> float:
        """Return a layer's last value; NaN if it has none."""
        values = self.over_time(layer, column)[1]
        return float(values[-1]) if len(values) else np.nan

    def median(self, layer: str, column: str) -> float:
        """Return the median of a layer's finite values; NaN if there are none."""
        values = self.over_time(layer, column)[1]
        values = values[np.isfinite(values)]
        return float(np.median(values)) if len(values) else np.nan

    def first_step(self, layer: str, column: str, threshold: float) -> int | None:
        """Return the first step at which a layer's value reaches the threshold; None if it never does."""
        steps, values = self.over_time(layer, column)
        above = steps[values >= threshold]
        return int(above[0]) if len(above) else None

    def shares(self, column: str) -> dict[str, float]:
        """Return each layer's last value in a column, such as ``dead``."""
        return {name: self.last(name, column) for name in self.layers_with(column)}

    def greatest(self, values: Mapping[str, float]) -> tuple[str, float]:
        """Return the layer with the greatest of some values, and that value; no layer and NaN without values."""
        return max(values.items(), key=lambda item: item[1], default=("", np.nan))

    def has_kind(self, *words: str) -> bool:
        """Return whether a layer's class name contains one of these words."""
        return any(word in str(kind) for kind in set(self.kind) for word in words)

    def kind_of(self, layer: str) -> str:
        """Return the class name of a layer; empty if the layer is unknown."""
        found = self.kind[self.layer == layer]
        return str(found[0]) if len(found) else ""

    @property
    def update_ratios(self) -> dict[str, float]:
        """Relative change of each layer's weights in a step: the median over the records."""
        return {
            name: ratio
            for name in self.layers_with("update_ratio")
            if not np.isnan(ratio := self.median(name, "update_ratio"))
        }

    @property
    def growth(self) -> dict[str, float]:
        """Largest standard deviation of each layer's weights, relative to the initial one."""
        found = {}
        for name in self.layers_with("weight_std"):
            values = self.over_time(name, "weight_std")[1]
            values = values[np.isfinite(values)]
            if len(values) and values[0] > 0:
                found[name] = float(values.max() / values[0])
        return found
