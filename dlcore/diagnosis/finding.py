"""What a rule found in a run: what, with the numbers; where; how sure; what to try."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Confidence = Literal["certain", "likely", "possible"]
Kind = Literal["fault", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that a run's record shows.

    Args:
        name: The rule's name, a word with underscores (``unscaled_input``).
        text: What was seen, a sentence with its numbers, without a full stop.
        confidence: How sure it is.
        kind: ``fault`` (the run suffers from it) or ``note`` (worth knowing, no harm).
        numbers: What was measured, by name; the same numbers as in the text, unrounded.
        layer: Where, as the layers' table names it; empty where it is about the whole run.
        step: Optimiser step at which it was first seen; None where it is about the whole run.
        flags: What to try, flags that exist for this run's classes; several are meant together.
        advice: What to try in words, a clause; it stands where there is no flag, and beside flags in the full print.
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
        """The name as words: ``unscaled input``."""
        return self.name.replace("_", " ")

    @property
    def remedy(self) -> str:
        """What to try, as one types it, or in words; empty where there is nothing to do."""
        return " ".join(self.flags) or self.advice

    def lines(self) -> list[str]:
        """One or two lines: what, how sure, what to try."""
        sure = "" if self.kind == "note" else f" ({self.confidence})"
        return [f"{self.title}{sure}: {self.text}", *([f"try: {self.remedy}"] if self.remedy else [])]

    def as_json(self) -> dict[str, Any]:
        """The finding as plain values; numbers that are not finite are text, which JSON can hold."""
        content = asdict(self)
        content["numbers"] = {
            name: float(value) if math.isfinite(value) else str(value) for name, value in self.numbers.items()
        }
        return {**content, "flags": list(self.flags)}
