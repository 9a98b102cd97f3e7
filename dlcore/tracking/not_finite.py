"""The first value of each metric that is NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

_REMEDY = "the training diverged, a smaller learning rate or scaled inputs may help"


class FirstNotFinite:
    """Finds each metric's first value that is no finite number, and only that one.

    Args:
        known: Metrics whose first one was found already.
    """

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._known = set(filter(None, known))

    @property
    def any(self) -> bool:
        """Whether one was found already."""
        return bool(self._known)

    def find(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Those of the numbers that are the first of their metrics to be NaN or infinite."""
        new = {name: y for name, y in numbers.items() if not math.isfinite(y) and name not in self._known}
        self._known |= new.keys()
        return new


def not_finite_text(found: Mapping[str, float], step: int, advice: bool) -> str:
    """Say so, in a line.

    Args:
        found: What `FirstNotFinite.find` gave, at least one.
        step: The step that they belong to.
        advice: Whether to say what may help; once a run is enough.
    """
    values = ", ".join(f"{name} is {'NaN' if math.isnan(y) else 'infinite'}" for name, y in found.items())
    lost = advice and any(name.endswith(("loss", "loss_step")) for name in found)
    return f"Not finite: {values} at step {step:,}{f': {_REMEDY}' if lost else ''}."
