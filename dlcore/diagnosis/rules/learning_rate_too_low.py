"""Steps so small that the training had not converged at its end."""

import math

from dlcore.diagnosis.rule import Finding, Rule, percent, short
from dlcore.diagnosis.rules.learning_rate_too_high import FAR
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SLOW = 3e-4  # relative change of the weights in a step, of the fastest layer; 1e-3 is usual
_USUAL = 1e-3
_STANDING = 1e-6
_ENOUGH = 100  # steps: fewer reach nothing at any rate
_FALLS = 0.003  # relative fall of the loss per check
_LOW = {True: 5e-5, False: 1e-3}  # rates that are low by themselves: for adaptive optimisers, for others


def check(run: Evidence) -> Finding | None:
    """Find small steps in a run whose training loss was still falling."""
    if run.settings.text("model.weights"):  # small steps are usual for a pretrained network
        return None
    ratio = run.fastest_update
    low = run.settings.lr < _LOW[run.settings.is_adaptive]
    slow = low if math.isnan(ratio) else ratio < (3 * _SLOW if low else _SLOW)
    certain = ratio < _SLOW / 30
    losses = run.values("train/loss")
    # With very small steps, the loss hardly changes; then any steady fall counts.
    crept = len(losses) > 2 and run.steps >= _ENOUGH and run.learned_nothing and losses[-1] < losses[0]
    slow = slow or (crept and ratio < _USUAL and bool((losses[1:] < losses[:-1]).all()))
    # If the weights hardly move at all and nothing was learned, the loss only shows the noise of its samples.
    falls = run.still_falls > _FALLS or crept or (certain and (run.still_falls >= 0 or run.learned_nothing))
    if not slow or not falls or ratio < _STANDING * (len(losses) > 1 and losses[-1] == losses[0]):
        return None
    unsure = math.isnan(ratio) or run.skill("train") > 0.9
    text = _("{rate} is low").format(rate=run.settings.rate)
    advice = _("take a larger learning rate (python -m dlcore lr_find suggests one), or train longer")
    lr, usual = run.settings.lr, run.settings.usual_lr
    factor = min(max(1e-3 / ratio, 3), 100) if ratio > 0 else 10
    flags = run.settings.changed_rate(usual / lr if 0 < lr <= usual / FAR else factor)
    if not math.isnan(ratio):
        sign = _(": no layer's weights change by more than {ratio} of their size in a step (1e-3 is usual)")
        text += sign.format(ratio=short(ratio))
    if run.still_falls > _FALLS:
        sign = _(", and the training loss, {loss}, was still falling by {falls} a check")
        text += sign.format(loss=short(losses[-1]), falls=percent(run.still_falls))
    else:
        text += _(", and the training loss hardly moved in {steps:,} steps").format(steps=run.steps)
    return Finding(
        text,
        "certain" if certain and run.poor else "possible" if unsure else "likely",
        numbers={"falls": run.still_falls} | ({} if math.isnan(ratio) else {"update_ratio": ratio}),
        flags=flags,
        advice=advice,
    )


RULE = Rule(
    N_("learning rate too low"),
    check,
    ("stopped_too_early", "underfitting", "no_learning", "class_collapse", "plateau"),
    is_cause=True,
)
