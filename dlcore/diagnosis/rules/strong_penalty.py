"""Weight decay, L1 or L2 so strong that the weights shrink towards 0."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHRUNK = 0.2  # standard deviation of a layer's weights / initial one
_SETTINGS = ("model.optimizer.weight_decay", "model.l1", "model.l2")
_LITTLE = 0.4  # skill between chance (0) and perfect (1)
_ROSE = 1.2  # last training loss / lowest one


def check(run: Evidence) -> Finding | None:
    """Find weights that shrank under a penalty, in a run with a poor result or a rising training loss."""
    strengths = {name: run.settings.number(name) for name in _SETTINGS if run.settings.number(name) > 0}
    if not strengths or not run.finite or not _suffered(run):
        return None
    left = {
        name: run.layers.last(name, "weight_std") / run.layers.first(name, "weight_std")
        for name in run.layers.layers_with("weight_std")
        if run.layers.first(name, "weight_std") > 0
    }
    layer = min(left, key=lambda name: left[name], default="")
    if not layer or not left[layer] < _SHRUNK:
        return None
    said = _(" and ").join(
        f"{name.rpartition('.')[2].replace('_', ' ')} {short(value)}" for name, value in strengths.items()
    )
    return Finding(
        _("the weights of {layer} have shrunk to {left} of their first width under {penalties}").format(
            layer=layer, left=percent(left[layer]), penalties=said
        ),
        "certain" if left[layer] < _SHRUNK / 4 else "likely",
        numbers={"left": left[layer]} | {name.rpartition(".")[2]: value for name, value in strengths.items()},
        layer=layer,
        flags=tuple(flag for name in strengths for flag in run.settings.flag(name, 0)),
        advice=_("take a factor a hundredth as large, or none"),
    )


def _suffered(run: Evidence) -> bool:
    losses = run.values("train/loss")
    rose = len(losses) > 1 and bool(losses[-1] > _ROSE * losses.min())
    return run.poor or rose or run.skill("val") < _LITTLE


RULE = Rule(
    N_("strong penalty"),
    check,
    (
        *("learning_rate_too_high", "saturated_units", "vanishing_gradients", "dead_units", "learning_rate_too_low"),
        *NO_PROGRESS,
    ),
    is_cause=True,
)
