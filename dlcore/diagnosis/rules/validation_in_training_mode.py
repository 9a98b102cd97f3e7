"""Layers in training mode during validation: dropout drops, batch normalisation takes the batch."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Report the event that `RunEvents` records."""
    event = run.event("training_mode")
    if event is None:
        return None
    names = ", ".join(map(str, event.get("layers") or ())) + (", …" if event.get("count", 0) > 3 else "")
    text = _("validation runs with {names} in training mode: its result depends on chance or on the batch")
    return Finding(
        text.format(names=names),
        "certain",
        advice=_("do not call train() in validation hooks; Lightning calls eval() before a validation"),
    )


RULE = Rule(N_("validation in training mode"), check, ("unsteady", "validation_not_comparable"))
