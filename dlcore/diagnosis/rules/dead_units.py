"""Units with the same output for every input: a ReLU that is never above 0 gets no gradient and stays dead."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_MANY, _NEARLY_ALL = 0.5, 0.9  # shares of a layer's units
_USUAL, _JUMP = 3.0, 1.5  # of the usual rate; of the loss of guessing
_MOVED = 0.01  # of a layer's weights


def check(run: Evidence) -> Finding | None:
    """Find the layer with the largest share of dead units in the last record."""
    layer, share = run.layers.greatest(run.layers.shares("dead"))
    if not share >= _MANY:
        return None
    step = run.layers.first_step(layer, "dead", _MANY)
    smaller_rate = run.settings.changed_rate(0.1)
    is_fault = share >= _NEARLY_ALL and not _died_for_want_of_a_signal(run)
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
        "fault" if is_fault else "note",  # a network with half of its units still learns
        {"dead": share},
        layer,
        step,
        smaller_rate or run.settings.flag("model.activation", "leaky_relu"),
        _("take a smaller learning rate, LeakyReLU or batch normalisation"),
    )


def _died_for_want_of_a_signal(run: Evidence) -> bool:
    """Return whether a usual rate killed the units without a jump of the loss, while nothing could be learned.

    Units that were dead from the start keep the weights before them as they were.
    """
    usual = run.settings.lr <= _USUAL * run.settings.usual_lr and run.peak_loss < _JUMP * run.chance_loss
    norms = [
        [look(name, "weight_norm") for look in (run.layers.first, run.layers.last)]
        for name in run.layers.layers_with("weight_norm")
    ]
    return usual and run.learned_nothing and all(abs(last - first) > _MOVED * first for first, last in norms)


RULE = Rule(N_("dead units"), check, (*NO_PROGRESS, "learning_rate_too_low"))
