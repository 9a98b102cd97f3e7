"""A run that was still improving at its end."""

import math

import numpy as np

from dlcore.diagnosis.curve_shape import checks_since_best, fall_at_end
from dlcore.diagnosis.rule import Finding, Rule, percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_FALLS = 0.015  # relative fall of the validation loss per check
_ANNEALED = 0.05  # last rate / highest rate


def check(run: Evidence) -> Finding | None:
    """Find a validation loss that still falls, with its best value at the last or second-last check."""
    losses, rates = run.values("val/loss"), run.values("lr")
    falls = fall_at_end(losses)
    if len(losses) < 2 or not run.finite or checks_since_best(losses) > 1 or not falls > _FALLS:
        return None
    # Skip runs whose schedule has ended: more epochs would need a longer schedule, which changes the whole run.
    if run.event("stopped_early") or (len(rates) and rates[-1] < _ANNEALED * np.max(rates)):
        return None
    return Finding(
        _("validation was still improving at the end (loss {loss}, {falls} less with each check)").format(
            loss=short(losses[-1]), falls=percent(falls)
        ),
        "likely",
        "note",
        {"falls": falls, "val_loss": float(losses[-1])},
        flags=_longer(run),
        advice=_("train longer"),
    )


def _longer(run: Evidence) -> tuple[str, ...]:
    if not run.epochs >= 1:
        return ()
    epochs = 2 * math.ceil(run.epochs)
    # A cosine schedule rises again after T_max, so T_max must grow with the run.
    return run.settings.flag("trainer.max_epochs", epochs) + run.settings.flag("model.lr_scheduler.T_max", epochs)


RULE = Rule(N_("stopped too early"), check)
