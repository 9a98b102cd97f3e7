"""A text model that writes down what it has read: its samples share far longer spans with the training text."""

from dlcore.diagnosis.rule import Finding, Rule, regularizers
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_TIMES, _LONGER = 2, 12  # characters: compared with held-out text of equal length
_LEAST = 100  # characters of the samples


def check(run: Evidence) -> Finding | None:
    """Compare the longest copied span of the samples with that of as much held-out text."""
    memory = run.event("text_memory") or {}
    copied, usual = memory.get("copied", 0), memory.get("copied_held_out", 0)
    if memory.get("characters", 0) < _LEAST or copied < max(_TIMES * usual, usual + _LONGER):
        return None
    return Finding(
        _(
            "the samples share a span of {copied} characters with the training text, held-out text of equal length one "
            "of {usual}"
        ).format(copied=copied, usual=usual),
        "likely",
        numbers={"copied": float(copied), "copied_held_out": float(usual)},
        step=memory.get("step"),
        flags=regularizers(run),
        advice=_("more text, dropout, weight decay, a smaller network, or stop at the best check"),
    )


RULE = Rule(N_("copied text"), check)
