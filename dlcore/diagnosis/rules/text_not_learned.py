"""A text model no better than counting words, or than guessing: mostly after too few updates."""

import math

import numpy as np

from dlcore.diagnosis.curve_shape import fall_at_end
from dlcore.diagnosis.rule import FEW_UPDATES, STUCK, Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _, ngettext

_GUESSES = 0.98  # of ln V
_CHECKS, _STILL = 5, 0.002  # a curve of so many checks that falls by less a check, relatively, falls no more


def check(run: Evidence) -> Finding | None:
    """Compare the loss with ln V, with the entropy of the training text's word frequencies, and with counting pairs."""
    if run.is_classifier or not run.settings.number("model.vocab_size") >= 2 or not run.finite:
        return None
    counting, pairs = run.counting("unigram_entropy"), run.counting("bigram_loss")
    losses = {f"{part}/loss": run.last(f"{part}/loss") for part in ("train", "val")}
    loss = min((value for value in losses.values() if not math.isnan(value)), default=math.nan)
    few, certain = 0 < run.updates < FEW_UPDATES, True
    if loss > _GUESSES * run.chance_loss:
        text = _("the loss {loss} is that of guessing (ln V = {chance})")
    elif loss > counting:
        text = _("the loss {loss} is above the {counting} of a model that only counts how often each word occurs")
        if not math.isnan(pairs):
            text = _(
                "the loss {loss} is above the {counting} of a model that only counts how often each word occurs; "
                "counting pairs gives {pairs}"
            )
    elif math.isnan(loss) and few:
        text = _("the run ended before its loss was measured")
    elif few and loss > pairs:
        text = _("the loss {loss} is above the {pairs} of a model that only counts pairs of words")
    elif loss > pairs and _settled_above(run.values("val/loss"), pairs):
        loss, certain = float(np.min(run.values("val/loss"))), False
        text = _(
            "the validation loss {loss} stays above the {pairs} of a model that only counts pairs of words, and falls "
            "no more"
        )
    else:
        return None
    numbers = {"loss": loss, "chance": run.chance_loss, "counting": counting, "pairs": pairs}
    text = text.format(**{name: short(value) for name, value in numbers.items()})
    if few:
        said = ngettext("{text}; {n} update is too few", "{text}; {n} updates are too few", run.updates)
        text = said.format(text=text, n=run.updates)
    limited = few and run.settings.number("trainer.max_steps") > 0
    return Finding(
        text,
        "certain" if certain else "likely",
        numbers={
            "ln_vocab_size": run.chance_loss,
            "unigram_entropy": counting,
            "bigram_loss": pairs,
            "updates": float(run.updates),
            **{name: value for name, value in losses.items() if not math.isnan(value)},
        },
        flags=run.settings.flag("trainer.max_steps", -1) if limited else (),
        advice=_("train longer: hundreds of updates, or smaller batches")
        if few
        else _("another learning rate (python -m dlcore lr_find), or a longer training"),
    )


def _settled_above(losses: np.ndarray, bound: float) -> bool:
    """Return whether a curve stays above a bound, and falls no more at its end."""
    return len(losses) >= _CHECKS and float(np.min(losses)) > bound and fall_at_end(losses) < _STILL


RULE = Rule(N_("text not learned"), check, tuple(name for name in STUCK if name != "no_learning"))
