"""Weight decay that shrinks the weights as fast as the steps grow them."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.rules.learning_rate_too_high import FAR
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHRINKS = 0.004  # share of the weights that a step takes away; usual: 0.00001 to 0.001
_USUAL = 0.1  # decay


def check(run: Evidence) -> Finding | None:
    """Find a product of learning rate and weight decay far above the usual ones.

    Weights then forget all but the last steps: w ← (1 - lr·decay)·w, so that 1 / (lr·decay) steps matter.
    """
    share = float(run.module.get("decay") or 0.0)
    if not share > _SHRINKS or run.settings.text("model.lr_scheduler"):  # a schedule may lower the rate at once
        return None
    decay = run.settings.number("model.optimizer.weight_decay")
    if decay <= _USUAL and run.settings.lr >= FAR * run.settings.usual_lr:  # the rate alone makes the product large
        return None
    return Finding(
        _(
            "learning rate times weight decay is {share}: each step takes that share of all weights away, so that only "
            "the last {steps:,.0f} steps count"
        ).format(share=percent(share), steps=1 / share),
        "likely",
        numbers={"share": share, "weight_decay": decay},
        flags=run.settings.flag("model.optimizer.weight_decay", 0.01),
        advice=_("take a weight decay of 0.01, or none"),
    )


RULE = Rule(
    N_("strong decay"),
    check,
    (
        *("strong_penalty", "unscaled_target", "learning_rate_too_low", "dead_units"),
        *("vanishing_gradients_through_time", *NO_PROGRESS),
    ),
    is_cause=True,
)
