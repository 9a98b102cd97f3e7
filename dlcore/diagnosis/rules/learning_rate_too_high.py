"""Too high a learning rate: the loss jumps up, the weights grow far beyond their start, and the result is poor."""

import math

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent, short, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_GROWN = 5.0  # standard deviation of the weights / initial one
_JUMP = 3.0  # highest loss / loss of guessing, or first loss
FAR = 30  # learning rate / usual one
_FAST = 0.05  # relative change of the weights in a step


def check(run: Evidence) -> Finding | None:
    """Find symptoms of too high a rate, if the result is poor or nearly all units of a layer are dead."""
    if not (run.poor or _worsened(run) or _is_dead(run)):
        return None
    layer, growth = run.layers.greatest(run.layers.growth)
    signs: list[str] = []
    numbers: dict[str, float] = {}
    peak, jump = run.peak_loss, run.peak_loss / run.start_loss if run.start_loss > 0 else math.nan
    if jump > _JUMP:
        sign = _("the loss rose to {peak}, {times} that of guessing")
        if math.isnan(run.chance_loss):
            sign = _("the loss rose to {peak}, {times} what it began with")
        signs.append(sign.format(peak=short(peak), times=times(jump)))
        numbers |= {"highest_loss": peak, "jump": jump}
    # Weights also grow in a long successful training, and in a network too small for its task.
    if growth > _GROWN and (signs or _worsened(run) or run.learned_nothing or _is_dead(run)):
        sign = _("the weights of {layer} spread to {times} their first width")
        signs.append(sign.format(layer=layer, times=times(growth)))
        numbers |= {"growth": growth}
    if run.fastest_update > _FAST:
        share = percent(run.fastest_update) if run.fastest_update < 1 else times(run.fastest_update)
        signs.append(_("weights change by {share} of their size in a step").format(share=share))
        numbers |= {"update_ratio": run.fastest_update}
    lr, usual = run.settings.lr, run.settings.usual_lr
    # The steps of an adaptive optimiser do not depend on the loss: no loss needs such a rate.
    never = run.settings.is_adaptive and lr >= FAR**2 * usual
    if not signs and (not run.finite or _is_dead(run) or never) and lr >= FAR * usual:
        signs.append(_("it is far above usual rates"))
    if not signs:
        return None
    unsure = not run.layers and len(signs) < 2 and run.finite and not _worsened(run)
    return Finding(
        _("{rate} is too high: {signs}").format(rate=run.settings.rate, signs=_(", and ").join(signs)) + _result(run),
        "possible" if unsure else "certain" if len(signs) > 1 and "growth" in numbers else "likely",
        numbers=numbers | ({"lr": run.settings.lr} if not math.isnan(run.settings.lr) else {}),
        layer=layer if "growth" in numbers else "",
        flags=run.settings.changed_rate(usual / lr if lr >= FAR * usual else 0.1),
        advice=_("take a smaller learning rate (python -m dlcore lr_find suggests one)"),
    )


def _worsened(run: Evidence) -> bool:
    """Return whether the training loss ended well above its minimum."""
    losses = run.values("train/loss")
    if len(losses) < 3 or not run.finite:
        return False
    return bool(losses[-1] > 1.3 * losses.min() and losses[-1] > 0.3 * run.chance_loss)


def _is_dead(run: Evidence) -> bool:
    """Return whether nearly all units of a layer are dead."""
    return any(share > 0.9 for share in run.layers.shares("dead").values())


def _result(run: Evidence) -> str:
    accuracy = run.last("train/accuracy")
    if not run.finite:
        return _("; at the end it was not finite")
    said = _("; training accuracy ended at {accuracy}")
    return "" if math.isnan(accuracy) else said.format(accuracy=percent(accuracy))


RULE = Rule(
    N_("learning rate too high"),
    check,
    (
        *("not_finite", "exploding_gradients_through_time", "saturated_units", "dead_units", "learning_rate_too_low"),
        *NO_PROGRESS,
    ),
    is_cause=True,
)
