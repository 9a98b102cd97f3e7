"""What a linear model and boosted trees reach on the rows of a test: the models that a network has to beat on tables.

Shapes: N rows, F inputs of the network, K classes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.data import Split, Table
from dlcore.evaluation.bootstrap import Estimate, bootstrap, class_statistic, regression_statistic
from dlcore.translation import N_

if TYPE_CHECKING:
    from dlcore.runs.command import Command

_MOST_ROWS = 20_000  # training rows
_MOST_VALUES = 2_000_000  # of them, N · F · K: more take longer than some seconds
_WIDEST, _WIDEST_BOOSTED = 1_000, 200  # F · K
BOOSTING = N_("gradient boosting")
_MOST_TESTED = 20_000_000  # values of the rows to answer for


@dataclass(frozen=True)
class Baselines:
    """Other models, trained on the training rows and tested on the same rows as the network.

    Attributes:
        models: The metrics of each model, by names as in scikit-learn's documentation.
        rows: Training rows that they learned from.
        of_rows: Training rows that there are.
    """

    models: dict[str, dict[str, Estimate]]
    rows: int
    of_rows: int


def table_baselines(command: Command, samples: int) -> Baselines | None:
    """Train a linear model and gradient boosting on a table's encoded training rows, and test them like the network.

    Of large tables they learn from rows that are spread over all of the training rows: at most 20,000, or 2,000,000
    values. Of more than 200 inputs, times classes, there is no boosting, which would take minutes; of more than 1,000
    there is neither.

    Args:
        command: The test, after its run.
        samples: Number of rows that it judged.

    Returns:
        Their metrics, with intervals over the same draws as the network's; None if the data are no table, have no
        training rows (with a checkpoint, of another file), only some of the rows were judged, or there are too many.

    Reference: scikit-learn's LinearRegression, LogisticRegression and HistGradientBoosting, with default settings.
    """
    data = command.datamodule
    if not isinstance(data, Table) or data.schema is None or "train" not in data.parts:
        return None
    train, tested, classes = data.parts["train"], data.parts["test"], data.schema.target.classes
    width = data.schema.encoding.in_features * (1 if classes is None or len(classes) == 2 else len(classes))
    if samples != len(tested) or width > _WIDEST or samples * width > _MOST_TESTED:
        return None
    step = -(-len(train) // min(_MOST_ROWS, _MOST_VALUES // width))
    inputs, targets = _arrays(data, train, step)
    test_inputs, test_targets = _arrays(data, tested)
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a linear model that stops before it has converged is still one
        for name, model in _models(classes is None).items():
            if name == BOOSTING and width > _WIDEST_BOOSTED:
                continue
            model.fit(inputs, targets)
            answers = model.predict(test_inputs)
            if classes is None:
                statistic = regression_statistic(answers[:, None], test_targets[:, None])
            else:
                scores = model.predict_proba(test_inputs)[:, 1] if len(classes) == 2 else None
                statistic = class_statistic(test_targets, answers, len(classes), scores)
            found[name] = bootstrap(statistic, len(test_targets))
    return Baselines(found, len(targets), len(train))


def _models(is_number: bool) -> dict[str, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if is_number:
        boosting = HistGradientBoostingRegressor(random_state=0)
        return {N_("linear regression"): LinearRegression(), BOOSTING: boosting}
    # Scaled, if --data.standardize false has not done so: its penalty takes all inputs for equally large.
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    return {N_("logistic regression"): linear, BOOSTING: HistGradientBoostingClassifier(random_state=0)}


def _arrays(data: Table, part: Split, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return every n-th row's inputs (N, F) and targets (N,), in float64 where they are numbers."""
    chosen = part.indices[::step].cpu()
    inputs = data.transform(part.inputs.cpu()[chosen]).numpy().astype(np.float64)
    targets = part.targets.cpu()[chosen].numpy().reshape(len(chosen))
    return inputs, targets.astype(np.float64) if targets.dtype.kind == "f" else targets
