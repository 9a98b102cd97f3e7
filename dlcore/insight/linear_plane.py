"""Linear regression: the learned plane, compared with the least-squares plane of the same rows.

Shapes: N training rows, F input columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from dlcore.data.tables.encoding import Scale
from dlcore.translation import _

_MOST_COLUMNS = 6  # with more, the line would be unreadable


def planes(model: nn.Module, data: Any) -> dict[str, str]:
    """Format both planes in the columns' own units.

    Returns:
        One line each for ``learned`` and ``least squares``; empty unless the network is one linear layer with one
        output and at most six number columns. If the least-squares plane is not unique, it is left out.
    """
    schema, part = getattr(data, "schema", None), getattr(data, "parts", {}).get("train")
    own = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    if schema is None or part is None or schema.target.classes is not None or len(own) != 1:
        return {}
    (layer,), columns = own, list(schema.encoding.columns.values())
    if not isinstance(layer, nn.Linear) or layer.out_features != 1 or layer.bias is None:
        return {}
    if len(columns) > _MOST_COLUMNS or not all(type(column) is Scale for column in columns):
        return {}
    inputs, targets = part.fetch(part.indices)
    x, y = (values.cpu().double().numpy() for values in (inputs, targets.reshape(-1)))
    weights = np.array([*layer.weight.detach().cpu().double().flatten().tolist(), layer.bias.item()])
    rows = np.column_stack([x, np.ones(len(x))])
    if not np.allclose(_answers(model, inputs), rows @ weights, rtol=1e-3, atol=1e-3 * np.abs(y).max(initial=0.0)):
        return {}  # another operation follows or precedes the layer
    found = {_("learned"): weights}
    best, _residuals, rank, _singular = np.linalg.lstsq(rows, y, rcond=None)
    if rank == rows.shape[1]:
        found[_("least squares")] = best
    return {name: _written(plane, schema, rows, y) for name, plane in found.items()}


def _answers(model: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        answers = model(inputs.to(device)).reshape(-1).cpu().double().numpy()
    model.train(was_training)
    return np.asarray(answers)


def _written(plane: np.ndarray, schema: Any, rows: np.ndarray, y: np.ndarray) -> str:
    """Return ``y = 105.3 − 12.9 x1 − 3.4 x2 (rmse 4.837 on the 5 training rows)``."""
    error = float(np.sqrt(np.mean((rows @ plane - y) ** 2)))
    constant, terms = float(plane[-1]), []
    for (name, column), slope in zip(schema.encoding.columns.items(), plane[:-1].tolist(), strict=True):
        if schema.encoding.standardize:  # a constant column is 0 in every row and contributes nothing
            slope = slope / column.std if column.std else 0.0
            constant -= slope * column.mean
        terms.append(f"{'−' if slope < 0 else '+'} {abs(slope):.5g} {name}")
    formula = f"{schema.target.label} = {constant:.5g} {' '.join(terms)}".replace("= -", "= −")
    return _("{formula} (rmse {error:.5g} on the {n:,} training rows)").format(formula=formula, error=error, n=len(y))
