"""Momentum so near to 1 that a step follows gradients of long ago."""

from dlcore.diagnosis.rule import THROWN_OFF, Finding, Rule
from dlcore.diagnosis.rules.exploding_cell_state import check as exploding_cell_state
from dlcore.diagnosis.rules.learning_rate_too_high import check as thrown_off
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_NEAR = 0.985
_SHARE = 0.02  # of the run's steps


def check(run: Evidence) -> Finding | None:
    """Compare the steps over which momentum averages, 1 / (1 - momentum), with the length of the run."""
    momentum = float(run.module.get("momentum") or 0.0)
    if not momentum >= _NEAR or not run.updates:
        return None
    steps = 1 / max(1 - momentum, 1e-9)
    harms = run.poor or run.below_linear or bool(thrown_off(run) or exploding_cell_state(run))
    if not harms and steps < _SHARE * run.updates:
        return None
    text = _("momentum {momentum:g} averages the gradients of the last {steps:,.0f} steps, in a run of {all:,} steps")
    name = "model.optimizer.momentum" if run.settings.has("model.optimizer.momentum") else "model.optimizer.betas"
    return Finding(
        text.format(momentum=momentum, steps=steps, all=run.updates),
        "likely" if harms else "possible",
        "fault" if harms else "note",
        {"momentum": momentum, "steps": steps},
        flags=run.settings.flag(name, 0.9 if name.endswith("momentum") else "[0.9,0.999]"),
        advice=_("take 0.9"),
    )


RULE = Rule(
    N_("strong momentum"),
    check,
    (*THROWN_OFF, "learning_rate_too_low", "strong_decay", "unscaled_target", "exploding_cell_state"),
    is_cause=True,
)
