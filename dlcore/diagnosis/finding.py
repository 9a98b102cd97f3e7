"""A rule's finding: what, with numbers; where; how certain; what to try."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Confidence = Literal["certain", "likely", "possible"]
Kind = Literal["fault", "note"]


@dataclass(frozen=True)
class Finding:
    """One finding of a rule in a run.

    Args:
        name: The rule's name, with underscores (``unscaled_input``).
        text: What was found, a sentence with its numbers, without a full stop.
        confidence: How certain it is.
        kind: ``fault`` (it harms the run) or ``note`` (harmless).
        numbers: Measured values by name; those of the text, unrounded.
        layer: Name of the layer in the layer table; empty if it concerns the whole run.
        step: Optimiser step at which it was first seen; None if it concerns the whole run.
        flags: Flags to try, which exist for this run's classes; use several together.
        advice: What to try in words, a clause; shown if there is no flag, and next to flags in the full report.
    """

    name: str
    text: str
    confidence: Confidence
    kind: Kind = "fault"
    numbers: Mapping[str, float] = field(default_factory=dict)
    layer: str = ""
    step: int | None = None
    flags: tuple[str, ...] = ()
    advice: str = ""

    @property
    def title(self) -> str:
        """The name in words: ``unscaled input``."""
        return self.name.replace("_", " ")

    @property
    def remedy(self) -> str:
        """What to try, as flags or in words; empty if there is nothing to do."""
        return " ".join(self.flags) or self.advice

    def lines(self) -> list[str]:
        """Return one or two lines: what, how certain, what to try."""
        sure = "" if self.kind == "note" else f" ({self.confidence})"
        return [f"{self.title}{sure}: {self.text}", *([f"try: {self.remedy}"] if self.remedy else [])]

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain values. Numbers that are not finite become strings, which JSON can hold."""
        content = asdict(self)
        content["numbers"] = {
            name: float(value) if math.isfinite(value) else str(value) for name, value in self.numbers.items()
        }
        return {**content, "flags": list(self.flags)}
