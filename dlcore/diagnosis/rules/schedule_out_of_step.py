"""A schedule whose length is in epochs but is stepped each batch, or the reverse."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_LIKE = 3.0  # factor within which two lengths are alike
_FAR = 10.0  # factor by which steps and epochs must differ


def check(run: Evidence) -> Finding | None:
    """Compare a schedule's length with the run's steps and epochs."""
    facts = run.module.get("schedule") or {}
    length, steps, epochs = (float(facts.get(name) or 0) for name in ("length", "steps", "epochs"))
    if not min(length, steps, epochs) > 0 or steps < _FAR * epochs:
        return None
    by_step = facts.get("interval") == "step"
    meant = epochs if by_step else steps
    if not 1 / _LIKE <= length / meant <= _LIKE:
        return None
    text = _("{name} has a length of {length:,.0f}, as if in steps, but is stepped once an epoch ({epochs:,.0f} times)")
    if by_step:
        text = _(
            "{name} has a length of {length:,.0f}, as if in epochs, but is stepped each batch ({steps:,.0f} times)"
        )
    advice = _('return {"scheduler": …, "interval": "step"} from configure_optimizers, or a length in epochs')
    if by_step:
        advice = _('return {"scheduler": …, "interval": "epoch"} from configure_optimizers, or a length in steps')
    return Finding(
        text.format(name=facts.get("name", ""), length=length, steps=steps, epochs=epochs),
        "likely",
        numbers={"length": length, "steps": steps, "epochs": epochs},
        advice=advice,
    )


RULE = Rule(
    N_("schedule out of step"), check, ("rate_cut_to_nothing", "learning_rate_too_low", "unsteady"), is_cause=True
)
