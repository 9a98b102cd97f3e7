"""A learning rate that was cut to almost 0 long before the end, so that the weights hardly change after."""

import numpy as np

from dlcore.diagnosis.rule import Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_NOTHING = 1e-3  # relative to the highest rate
_PART = 0.3  # share of the run
_STEEP = 0.1  # factor below which a single cut is large


def check(run: Evidence) -> Finding | None:
    """Find a large part of the run at a tiny share of its highest rate."""
    curve = run.curve("lr")
    if len(curve.values) < 3 or not np.isfinite(curve.values).all():
        return None
    peak = int(np.argmax(curve.values))
    first = float(run.module.get("lr") or 0.0)  # it may have fallen before it was first logged
    highest = max(float(curve.values[peak]), first)
    tiny = np.flatnonzero(curve.values[peak:] < _NOTHING * highest)
    if not len(tiny):
        return None
    begin = peak + int(tiny[0])
    part = 1 - float(curve.steps[begin]) / run.steps
    if part < _PART or curve.values[begin:].max() >= _NOTHING * highest:
        return None
    was_cut = run.event("learning_rate_cut") is not None
    steep = was_cut and run.settings.number("reduce_lr_on_plateau.factor") < _STEEP
    text = _(
        "the learning rate fell from {peak} to {rate} by {moment}: in the rest of the run, {part:.0%} of it, the "
        "weights hardly moved"
    )
    advice = _("take a schedule that falls more slowly (python -m dlcore show schedule)")
    if was_cut:
        text = _(
            "the learning rate was cut from {peak} to {rate} by {moment}: in the rest of the run, {part:.0%} of it, "
            "the weights hardly moved"
        )
        advice = _("cut the rate later, in smaller steps, or down to a bound (--reduce_lr_on_plateau.min_lr)")
    peak_rate, rate = short(highest), short(curve.values[begin])
    return Finding(
        text.format(peak=peak_rate, rate=rate, moment=run.moment("lr", begin), part=part),
        "certain",
        numbers={"peak": highest, "rate": float(curve.values[begin]), "part": part},
        step=int(curve.steps[begin]),
        flags=run.settings.flag("reduce_lr_on_plateau.factor", 0.5) if steep else (),
        advice=advice,
    )


RULE = Rule(
    N_("rate cut to nothing"),
    check,
    ("learning_rate_too_low", "underfitting", "plateau", "stopped_too_early"),
    is_cause=True,
)
