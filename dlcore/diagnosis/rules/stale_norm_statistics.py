"""Running statistics of batch normalisation that still hold their initial values, so that evaluation differs."""

from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHARE = 0.1  # of the initial values in the statistics at the end
_BELOW = 0.05  # skill of validation below training's
_ABOVE = 1.3  # validation loss / training loss


def check(run: Evidence) -> Finding | None:
    """Find a momentum m so small that (1 - m)^steps of the initial values is left, and validation that suffers."""
    momentum = run.module.get("norm_momentum")
    if not isinstance(momentum, int | float) or not 0 <= momentum <= 1 or not run.updates:
        return None
    share = (1 - float(momentum)) ** run.updates
    below = run.skill("train") - run.skill("val") > _BELOW
    if share < _SHARE or not (below or run.last("val/loss") > _ABOVE * run.last("train/loss")):
        return None
    return Finding(
        _(
            "batch normalisation's momentum {momentum:g} leaves {share} of the initial running statistics after "
            "{steps:,} steps: evaluation, which uses them, is not like training"
        ).format(momentum=momentum, share=percent(share), steps=run.updates),
        "certain" if share > 0.5 else "likely",
        numbers={"momentum": float(momentum), "share": share},
        advice=_("take torch's momentum 0.1 (1 minus the one of TensorFlow), or train longer"),
    )


RULE = Rule(
    N_("stale norm statistics"),
    check,
    ("overfitting", "no_learning", "worsening", "unsteady", "plateau"),
    is_cause=True,
)
