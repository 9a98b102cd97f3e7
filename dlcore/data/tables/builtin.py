"""Tables that need no file: two of scikit-learn's, and the textbook's five points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dlcore.errors import UnknownNameError

if TYPE_CHECKING:
    from pandas import DataFrame

BUILTIN = ("breast_cancer", "diabetes", "linear_regression")
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
            measure of the disease's progression) or ``linear_regression`` (5 rows, 2 numbers, a number).

    Raises:
        UnknownNameError: No table has that name.
    """
    import pandas as pd

    if name == "linear_regression":
        return pd.DataFrame(_FIVE_POINTS)
    if name not in BUILTIN:
        raise UnknownNameError("built-in table", name, BUILTIN)
    from sklearn import datasets

    if name == "breast_cancer":
        found = datasets.load_breast_cancer()
        target = np.array(found.target_names)[found.target]
    else:
        found = datasets.load_diabetes(scaled=False)
        target = found.target
    table = pd.DataFrame(found.data, columns=[str(column) for column in found.feature_names])
    return table.assign(**{"diagnosis" if name == "breast_cancer" else "progression": target})
