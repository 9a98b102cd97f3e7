"""Inputs that are NaN or infinite, so that all results are NaN."""

from dlcore.diagnosis.layer_looks import INPUTS
from dlcore.diagnosis.rule import THROWN_OFF, Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Find inputs that are not finite."""
    if (step := run.layers.first_step(INPUTS, "not_finite", 1)) is None:
        return None
    count = run.layers.over_time(INPUTS, "not_finite")[1].max()
    return Finding(
        _("{count:,.0f} of the network's input numbers at step {step:,} are NaN or infinite").format(
            count=count, step=step
        ),
        "certain",
        numbers={"inputs_not_finite": count},
        layer=INPUTS,
        step=step,
        flags=run.settings.flag("data.missing", "mean") if run.settings.text("data") == "Table" else (),
        advice=_("look at the data: python -m dlcore show data"),
    )


RULE = Rule(N_("inputs not finite"), check, THROWN_OFF, is_cause=True)
