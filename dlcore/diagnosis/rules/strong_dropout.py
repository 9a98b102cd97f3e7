"""Dropout so strong that hardly anything passes."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_STRONG = 0.8


def check(run: Evidence) -> Finding | None:
    """Find a dropout layer that drops more than 80% while training is clearly worse than validation, or poor."""
    drop = float(run.module.get("dropout") or max(run.settings.dropouts.values(), default=0.0))
    behind = run.skill("val") - run.skill("train") > 0.1 or run.last("train/loss") > 1.2 * run.last("val/loss")
    if not drop > _STRONG or not (run.poor or run.validation_is_poor or behind):
        return None
    name = max(run.settings.dropouts, key=lambda each: run.settings.dropouts[each], default="")
    return Finding(
        _("dropout {drop} lets only {kept} of the values through: training hardly sees what it learns from").format(
            drop=f"{drop:g}", kept=percent(1 - drop)
        ),
        "likely",
        numbers={"dropout": drop},
        flags=run.settings.flag(name, 0.3) if name else (),
        advice=_("take 0.2 to 0.5"),
    )


RULE = Rule(
    N_("strong dropout"),
    check,
    ("unscaled_target", "label_noise", *NO_PROGRESS),
    ("validation_not_comparable",),
    is_cause=True,
)
