"""Threads that waited for a core because other work held it."""

from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Find the event that the run recorded during training."""
    event = run.event("busy_machine") or {}
    waited, threads = event.get("waited"), event.get("threads")
    if not isinstance(waited, float) or not isinstance(threads, int):
        return None
    text = _("threads waited {share} of the time for a core that other processes used")
    advice = _("train when the machine is free")
    if threads > 1:
        text = _(
            "threads waited {share} of the time for a core that other processes used, and all wait for the last of them"
        )
        advice = _(
            "train when the machine is free, or on fewer threads (OMP_NUM_THREADS={threads} before the command, or "
            "--thread_tuning on)"
        ).format(threads=threads // 2)
    return Finding(
        text.format(share=percent(waited)),
        "certain",
        "note",
        {"waited": waited, "threads": float(threads)},
        advice=advice,
    )


RULE = Rule(N_("busy machine"), check)
