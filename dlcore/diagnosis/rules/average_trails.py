"""Averaged weights in a run so short that the average still contains the initial weights."""

from dlcore.diagnosis.rule import Finding, Rule, percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHARE = 0.007  # minimum share of the initial weights in the average
_ABOVE = 1.2  # validation loss / training loss
_FAR = 0.2  # skill between chance (0) and perfect (1): validation below training
_HALF = 0.5  # of the fall of the training loss


def check(run: Evidence) -> Finding | None:
    """Find validation far below training while the average still contains the initial weights."""
    decay, every = (run.settings.number(f"weight_averaging.{name}") for name in ("decay", "every_n_steps"))
    every = every if every >= 1 else 1.0
    # With warm-up, the average covers at most a ninth of the updates.
    if not 0 < decay < 1 or run.settings.values.get("weight_averaging.warm_up") is True:
        return None
    share = decay ** (run.steps // every)
    train, val = run.last("train/loss"), run.last("val/loss")
    if share < _SHARE or not val > _ABOVE * train:
        return None
    behind = run.skill("train") - run.skill("val") > _FAR or val - train > _HALF * (run.start_loss - train)
    warm_up = run.settings.flag("weight_averaging.warm_up", "true")
    return Finding(
        _(
            "validation uses an average of the weights, and {share} of it are still the weights of the start: it "
            "looks back over about {window:,.0f} steps, and there were {steps:,} (loss {val}, training {train})"
        ).format(share=percent(share), window=every / (1 - decay), steps=run.steps, val=short(val), train=short(train)),
        "likely",
        "fault" if behind and run.start_loss > train else "note",
        {"decay": decay, "steps": float(run.steps), "share": share},
        flags=warm_up,
        advice=_(
            "let the average look back over few steps at first (weight_averaging.warm_up), train longer, or "
            "validate the weights themselves (--weight_averaging off)"
        ),
    )


RULE = Rule(N_("average trails"), check, excuses=("no_learning", "overfitting", "underfitting", "worsening"))
