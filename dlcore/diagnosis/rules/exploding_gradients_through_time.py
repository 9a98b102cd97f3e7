"""A gradient that grows from token to token on its way back through a recurrent network."""

import math

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_GROWS = 10.0  # gradient at the last quarter of the lags / gradient at lag 0
_LAGS = 16


def check(run: Evidence) -> Finding | None:
    """Find a gradient that is far larger many tokens back than at the token read last."""
    memory = run.event("text_memory") or {}
    growth, lags = float(memory.get("growth") or 0.0), memory.get("lags", 0)
    if not growth > _GROWS or lags < _LAGS:
        return None
    text = _("the gradient of the loss grows through time: about {lags} tokens back it is not finite")
    if math.isfinite(growth):
        text = _("the gradient of the loss grows through time: about {lags} tokens back it is {times} that at lag 0")
    bound = run.settings.number("trainer.gradient_clip_val")
    clip = () if bound > 0 else run.settings.flag("trainer.gradient_clip_val", 1.0)
    cell = run.settings.flag("model.cell", "lstm") if run.settings.text("model.cell") == "rnn" else ()
    return Finding(
        text.format(lags=lags, times=times(growth)),
        "likely",
        numbers={"growth": growth, "lags": float(lags)},
        step=memory.get("step"),
        flags=clip or cell or run.settings.changed_rate(0.1),
        advice=_("clip the gradients, use lstm or gru, or take a smaller learning rate"),
    )


RULE = Rule(N_("exploding gradients through time"), check, NO_PROGRESS)
