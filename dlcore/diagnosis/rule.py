"""A rule: checks a run's evidence for one fault or note."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dlcore.diagnosis.finding import Finding
from dlcore.diagnosis.run_evidence import Evidence

# Symptoms of any training that makes no progress, for any reason.
STUCK = (
    "no_learning",
    "class_collapse",
    "underfitting",
    "overfitting",
    "worsening",
    "unsteady",
    "plateau",
    "stopped_too_early",
)
# Symptoms of steps or inputs that are far too large.
THROWN_OFF = ("exploding_gradients", "learning_rate_too_high", "not_finite", "saturated_units", "dead_units", *STUCK)


@dataclass(frozen=True)
class Rule:
    """Check for one fault or note.

    Args:
        name: The name of its findings.
        look: Returns the finding, or None if there is none, or too little evidence.
        explains: Names of rules whose findings are consequences of this one: they are reported as consequences, not as
            faults.
        excuses: Names of rules whose findings this one cancels: they are not reported.
        needs_layers: Whether it needs the layer table.
        is_cause: Whether it concerns a setting, such as the learning rate: another cause can hide it, but it is never
            reported as a consequence.
    """

    name: str
    check: Callable[[Evidence], Finding | None]
    explains: tuple[str, ...] = ()
    excuses: tuple[str, ...] = ()
    needs_layers: bool = False
    is_cause: bool = False
