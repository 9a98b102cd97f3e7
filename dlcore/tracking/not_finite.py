"""Detection of each metric's first NaN or infinite value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

_REMEDY = "the training diverged, a smaller learning rate or scaled inputs may help"


class FirstNotFinite:
    """Detector of each metric's first value that is not finite.

    Args:
        known: Metrics whose first such value was already found.
    """

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._known = set(filter(None, known))

    @property
    def any(self) -> bool:
        """Whether one was already found."""
        return bool(self._known)

    def find(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Return the numbers that are their metric's first NaN or infinite value."""
        new = {name: y for name, y in numbers.items() if not math.isfinite(y) and name not in self._known}
        self._known |= new.keys()
        return new


def not_finite_text(found: Mapping[str, float], step: int, advice: bool) -> str:
    """Describe values that are not finite, in one line.

    Args:
        found: Result of `FirstNotFinite.find`, not empty.
        step: The step of the values.
        advice: Whether to add advice; once per run is enough.
    """
    values = ", ".join(f"{name} is {'NaN' if math.isnan(y) else 'infinite'}" for name, y in found.items())
    lost = advice and any(name.endswith(("loss", "loss_step")) for name in found)
    return f"Not finite: {values} at step {step:,}{f': {_REMEDY}' if lost else ''}."
