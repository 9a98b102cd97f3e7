"""Steps that the gradient scaler of 16-bit precision skips, because gradients are not finite."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHARE, _MOST = 0.1, 0.25  # of the steps: a note, and a fault
_STEPS = 10  # a scaler skips some at the start, until its scale fits


def check(run: Evidence) -> Finding | None:
    """Report the event that `RunEvents` records."""
    event = run.event("skipped_steps") or {}
    skipped, steps, scale = (float(event.get(name) or 0) for name in ("skipped", "steps", "scale"))
    steps = max(steps, run.updates)  # later epochs without many have no event
    share = skipped / steps if steps else 0.0
    if skipped < _STEPS or share < _SHARE:
        return None
    text = _(
        "the gradient scaler skipped {skipped:,.0f} of {steps:,.0f} steps ({share}), as gradients were not finite in "
        "16 bit; its scale fell to {scale}"
    )
    return Finding(
        text.format(skipped=skipped, steps=steps, share=percent(share), scale=short(scale)),
        "certain",
        "fault" if share > _MOST or run.poor else "note",
        {"skipped": skipped, "steps": steps, "share": share, "scale": scale},
        step=event.get("step"),
        flags=run.settings.flag("trainer.precision", "bf16-mixed"),
        advice=_(
            "train in bf16-mixed or 32-true precision, or with a smaller learning rate; gradients that are NaN at any "
            "scale come from the module (a root or a logarithm of 0)"
        ),
    )


# With a scaler, gradients that are not finite never reach the weights: a loss that is NaN comes from 16 bit too.
_HIDDEN = ("exploding_gradients", "learning_rate_too_low", "vanishing_gradients", "not_finite", *NO_PROGRESS)
RULE = Rule(N_("skipped steps"), check, _HIDDEN, is_cause=True)
