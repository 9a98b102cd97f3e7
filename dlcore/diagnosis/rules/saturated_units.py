"""Saturated sigmoids and tanhs: at their flat ends, almost no gradient passes."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHARE = 0.5  # of a layer's outputs


def check(run: Evidence) -> Finding | None:
    """Find the layer with the largest share of saturated outputs in the last record."""
    layer, share = run.layers.greatest(run.layers.shares("saturated"))
    if not share >= _SHARE:
        return None
    step = run.layers.first_step(layer, "saturated", _SHARE)
    return Finding(
        _(
            "{share} of the outputs of {layer} ({kind}) lie where its derivative is below {limit} of its peak, since "
            "step {step:,}"
        ).format(share=percent(share), layer=layer, kind=run.layers.kind_of(layer), limit="1%", step=step),
        "likely" if run.poor else "possible",
        "fault" if run.poor or share > 0.9 else "note",
        {"saturated": share},
        layer,
        step,
        (run.settings.flag("model.activation", "ReLU") if run.settings.activation in ("sigmoid", "tanh") else ())
        or run.settings.flag("model.batch_norm", "true"),
        _("use ReLU, smaller initial weights or batch normalisation"),
    )


RULE = Rule(N_("saturated units"), check, (*NO_PROGRESS, "vanishing_gradients", "learning_rate_too_low"))
