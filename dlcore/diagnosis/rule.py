"""A rule: looks at a run's evidence for one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Finding

# What any training shows whose steps lead nowhere, whatever the reason.
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
# What shows in the layers when steps or inputs are far too large.
THROWN_OFF = ("exploding_gradients", "learning_rate_too_high", "not_finite", "saturated_units", "dead_units", *STUCK)


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong, or worth knowing.

    Args:
        name: The name of its findings.
        look: Gives the finding, or None where there is nothing to see, or not enough to judge by.
        explains: Names of rules whose findings are consequences of this one: where both are found, they are told as
            what follows from it, not as faults of their own.
        excuses: Names of rules whose findings this one takes back: where both are found, they are not told at all.
        needs_layers: Whether it can see nothing without the layers' table.
        is_cause: Whether it is about something that was set, as a rate is: it may be explained away by another cause,
            but it does not follow from one.
    """

    name: str
    look: Callable[[Evidence], Finding | None]
    explains: tuple[str, ...] = ()
    excuses: tuple[str, ...] = ()
    needs_layers: bool = False
    is_cause: bool = False
