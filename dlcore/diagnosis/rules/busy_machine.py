"""Threads that waited for a core because other work held it."""

from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence


def check(run: Evidence) -> Finding | None:
    """Find the event that the run recorded during training."""
    event = run.event("busy_machine") or {}
    waited, threads = event.get("waited"), event.get("threads")
    if not isinstance(waited, float) or not isinstance(threads, int):
        return None
    all_wait, fewer = "", ""
    if threads > 1:
        all_wait = ", and all wait for the last of them"
        fewer = f", or on fewer threads (OMP_NUM_THREADS={threads // 2} before the command)"
    return Finding(
        f"threads waited {percent(waited)} of the time for a core that other processes used{all_wait}",
        "certain",
        "note",
        {"waited": waited, "threads": float(threads)},
        advice=f"train when the machine is free{fewer}",
    )


RULE = Rule("busy_machine", check)
