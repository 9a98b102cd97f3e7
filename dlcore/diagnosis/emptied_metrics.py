"""Training metrics that were not measured: validation uses the same metric object and resets it before they are read.

Lightning resets a metric object at the end of the validation, which runs before the training epoch ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcore.tracking.curves import LoggedCurve
from dlcore.tracking.metric_names import mode_of
from dlcore.tracking.metric_pairs import aliases, canonical_name

_CHECKS = 2  # with fewer, a value of 0 may be right
_LEAST = 0.2  # of validation, beside a training metric of 0


@dataclass(frozen=True)
class EmptiedMetric:
    """A training metric whose samples validation dropped.

    Args:
        train: Its name, as logged.
        val: The name of validation's, as logged.
        values: What was logged for training (P,).
        is_recorded: Whether the run recorded that both are one object; else the curves show it.
    """

    train: str
    val: str
    values: np.ndarray
    is_recorded: bool


def emptied_metrics(
    curves: Mapping[str, LoggedCurve], events: Sequence[Mapping[str, Any]]
) -> tuple[EmptiedMetric, ...]:
    """Find the training metrics that validation emptied, from the event ``shared_metric`` or from the curves.

    In the curves, such a metric is 0 (if more is better) or NaN in each epoch, while validation's has values.
    """
    own = _logged_names(curves)
    found: dict[str, EmptiedMetric] = {}
    for event in events:
        metrics = event.get("metrics") if event.get("kind") == "shared_metric" else None
        for train, val in metrics.items() if isinstance(metrics, Mapping) else ():
            # Reading an empty metric may have ended the run with an error: then it has no curve.
            name = next((each for each in (f"{train}_epoch", train) if each in curves), train)
            values = curves[name].values if name in curves else np.array([])
            found[name] = EmptiedMetric(name, str(val), values, True)
    for name in [name for name in curves if name.startswith("train/") and not name.endswith(("loss", "_step"))]:
        logged, val = own.get(name, name), f"val/{name.removeprefix('train/')}"
        if logged not in found and val in curves and _is_empty(name, curves[name].values, curves[val].values):
            val = next((each for each in curves if each != val and canonical_name(each) == val), val)
            found[logged] = EmptiedMetric(logged, val, curves[name].values, False)
    return tuple(found.values())


def without_emptied(curves: Mapping[str, LoggedCurve], emptied: Sequence[EmptiedMetric]) -> dict[str, LoggedCurve]:
    """Return the curves without those of emptied metrics, under all their names."""
    dropped = {each.train for each in emptied}
    dropped |= {name for name, logged in _logged_names(curves).items() if logged in dropped}
    return {name: curve for name, curve in curves.items() if name not in dropped}


def _logged_names(curves: Mapping[str, LoggedCurve]) -> dict[str, str]:
    """Return the logged name of each training curve that `logged_curves` added under dlcore's name."""
    return aliases(name for name in curves if not name.startswith("train/") or name != canonical_name(name))


def _is_empty(name: str, train: np.ndarray, val: np.ndarray) -> bool:
    val = val[np.isfinite(val)]
    if len(train) < _CHECKS or not len(val):
        return False
    zero = mode_of(name) == "max" and val.max() > _LEAST
    return bool(np.all(np.isnan(train) | ((train == 0) & zero)))
