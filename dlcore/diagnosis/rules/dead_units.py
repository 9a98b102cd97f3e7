"""Units with the same output for every input: a ReLU that is never above 0 gets no gradient and stays dead."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_MANY, _NEARLY_ALL = 0.5, 0.9  # shares of a layer's units


def check(run: Evidence) -> Finding | None:
    """Find the layer with the largest share of dead units in the last record."""
    layer, share = run.layers.greatest(run.layers.shares("dead"))
    if not share >= _MANY:
        return None
    step = run.layers.first_step(layer, "dead", _MANY)
    smaller_rate = run.settings.changed_rate(0.1)
    text = _(
        "{share} of the units of {layer} ({kind}) have the same output for every sample, half of them since step "
        "{step:,}"
    )
    if share > _MANY:
        text = _(
            "{share} of the units of {layer} ({kind}) have the same output for every sample, more than half of them "
            "since step {step:,}"
        )
    return Finding(
        text.format(share=percent(share), layer=layer, kind=run.layers.kind_of(layer), step=step),
        "certain" if run.poor and share >= _NEARLY_ALL else "likely",
        "fault" if share >= _NEARLY_ALL else "note",  # a network with half of its units still learns
        {"dead": share},
        layer,
        step,
        smaller_rate or run.settings.flag("model.activation", "leaky_relu"),
        _("take a smaller learning rate, LeakyReLU or batch normalisation"),
    )


RULE = Rule(N_("dead units"), check, (*NO_PROGRESS, "learning_rate_too_low"))
