"""A run whose threads had to wait for a core, because other work held it."""

from __future__ import annotations

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Finding
from dlcore.diagnosis.rule import Rule
from dlcore.diagnosis.wording import percent


def look(run: Evidence) -> Finding | None:
    """Find what the run itself said while it trained."""
    waited = (run.event("busy_machine") or {}).get("waited")
    if not isinstance(waited, float):
        return None
    return Finding(
        "busy_machine",
        f"threads waited {percent(waited)} of the time for a core that others held, and all wait for the last of them",
        "certain",
        "note",
        {"waited": waited},
        advice="train when the machine is free, or on fewer threads (variable OMP_NUM_THREADS)",
    )


RULE = Rule("busy_machine", look)
