"""Tables that need no file: two of scikit-learn's, the textbook's five points, and points of the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dlcore.errors import UnknownNameError

if TYPE_CHECKING:
    from pandas import DataFrame

POINTS = ("moons", "circles", "xor", "spiral", "sine", "fever")
BUILTIN = ("breast_cancer", "diabetes", "linear_regression", *POINTS)
# The textbook's example of linear regression.
_FIVE_POINTS = {
    "x1": [0.0, 1.0, 2.0, 3.0, 4.0],
    "x2": [3.0, 3.0, 3.0, 2.0, 4.0],
    "y": [95.364, 97.217205, 75.195834, 60.105519, 49.342380],
}


def builtin_table(name: str) -> DataFrame:
    """Return a built-in table; its last column is the target.

    Args:
        name: ``breast_cancer`` (569 rows, 30 numbers, malignant or benign), ``diabetes`` (442 rows, 10 numbers, a
            measure of the disease's progression), ``linear_regression`` (5 rows, 2 numbers, a number); points of the
            plane, 400 rows with two numbers and a class: ``moons``, ``circles``, ``xor``, ``spiral``; ``sine`` (400
            rows, x and a noisy sin x) or ``fever`` (400 rows, body temperature and whether it is a risk: too low or
            too high).

    Raises:
        UnknownNameError: No table has that name.
    """
    import pandas as pd

    if name == "linear_regression":
        return pd.DataFrame(_FIVE_POINTS)
    if name not in BUILTIN:
        raise UnknownNameError("built-in table", name, BUILTIN)
    if name in POINTS:
        return _points(name)
    from sklearn import datasets

    if name == "breast_cancer":
        found = datasets.load_breast_cancer()
        target = np.array(found.target_names)[found.target]
    else:
        found = datasets.load_diabetes(scaled=False)
        target = found.target
    table = pd.DataFrame(found.data, columns=[str(column) for column in found.feature_names])
    return table.assign(**{"diagnosis" if name == "breast_cancer" else "progression": target})


def _points(name: str) -> DataFrame:
    """Return 400 points, always the same."""
    import pandas as pd

    draw, count = np.random.default_rng(0), 400
    if name == "sine":
        x = draw.uniform(-np.pi, np.pi, count)
        return pd.DataFrame({"x": x, "y": np.sin(x) + draw.normal(0, 0.05, count)})
    if name == "fever":
        degrees = draw.uniform(34, 41, count)
        return pd.DataFrame({"temperature": degrees, "risk": np.where(np.abs(degrees - 36.8) > 0.7, "yes", "no")})
    labels = np.arange(count) % 2
    if name == "xor":
        # Each point with its three mirror images, so that no straight line is better than chance.
        signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
        points = (draw.uniform(0.1, 1, (count // 4, 1, 2)) * signs).reshape(-1, 2)
        labels = (points[:, 0] * points[:, 1] < 0).astype(int)
    elif name == "circles":
        turn, radius = draw.uniform(0, 2 * np.pi, count), 1 - 0.5 * labels
        points = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None] + draw.normal(0, 0.06, (count, 2))
    elif name == "moons":
        turn, sign = draw.uniform(0, np.pi, count), 1 - 2 * labels
        points = np.stack([np.cos(turn) * sign + labels, np.sin(turn) * sign + 0.4 * labels], axis=1)
        points += draw.normal(0, 0.1, (count, 2))
    else:
        radius = draw.uniform(0.15, 1, count)
        turn = 3.5 * np.pi * radius + np.pi * labels
        points = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None] + draw.normal(0, 0.015, (count, 2))
    return pd.DataFrame({"x1": points[:, 0], "x2": points[:, 1], "kind": np.where(labels, "B", "A")})
