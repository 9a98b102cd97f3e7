"""Figure: health of a network's layers over the steps of training, from the layer table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import style
from dlcore.tracking.figures.layer_maps import LayerMap, layer_maps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Column, title, label of the colours, whether they are logarithmic (shares are not).
_MAPS = (
    ("gradient_norm", "Size of the gradients", "norm", True),
    ("update_ratio", "Size of the updates (usual: 1e-4 to 1e-2)", "‖Δw‖ / ‖w‖", True),
    ("weight_std", "Spread of the weights", "standard deviation", True),
    ("std", "Spread of the activations", "standard deviation", True),
    ("dead", "Dead units (the same for all samples; red is ill)", "share", False),
    ("saturated", "Saturated values (derivative below 1%; red is ill)", "share", False),
)


def layer_overview(columns: Mapping[str, Sequence[Any]], title: str = "") -> Figure:
    """Draw heat maps of a network's layers: gradients, updates, weights, activations, dead and saturated units.

    Sizes go from dark (small) to light (large), and both ends may be bad. Shares of dead or saturated units go from
    yellow (none) to red (all).

    Args:
        columns: The run's layer table, from `dlcore.tracking.layer_table.read_layers`.
        title: Name of the run.

    Raises:
        ArgumentError: The table is empty.
    """
    maps = [found for what in _MAPS if (found := _map(columns, *what)) is not None]
    if not maps:
        raise ArgumentError("columns", "a table of layers with at least one number", "none")
    return layer_maps(maps, title)


def _map(columns: Mapping[str, Sequence[Any]], name: str, title: str, label: str, log: bool) -> LayerMap | None:
    layers, steps = np.array(columns["layer"], dtype=object), np.array(columns["step"], dtype=np.float64)
    values = np.array(columns[name], dtype=np.float64)
    # Show a number that became NaN as NaN; leave a number that does not apply blank.
    lost = np.isnan(values) & (np.array(columns["not_finite"], dtype=np.float64) > 0)
    applies = {layer for layer, value in zip(layers, values, strict=True) if not np.isnan(value)}
    if not applies:
        return None
    rows = {layer: number for number, layer in enumerate(dict.fromkeys(each for each in layers if each in applies))}
    inside = np.array([layer in rows for layer in layers], dtype=bool) & (~np.isnan(values) | lost)
    taken = np.unique(steps[inside])
    table = np.ma.masked_all((len(rows), len(taken)))
    for layer, step, value in zip(layers[inside], steps[inside], values[inside], strict=True):
        table[rows[layer], np.searchsorted(taken, step)] = value
    limits, colors = (None, style.SEQUENTIAL) if log else ((0.0, 1.0), style.SHARE_OF_ILL)
    return LayerMap(title, label, table, list(rows), [int(step) for step in taken], log, limits, colors)
