"""Units with the same output for every input: a ReLU that is never above 0 gets no gradient and stays dead."""

from dlcore.diagnosis.rule import STUCK, Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence

_MANY, _NEARLY_ALL = 0.5, 0.9  # shares of a layer's units


def check(run: Evidence) -> Finding | None:
    """Find the layer with the largest share of dead units in the last record."""
    layer, share = run.layers.greatest(run.layers.shares("dead"))
    if not share >= _MANY:
        return None
    step = run.layers.first_step(layer, "dead", _MANY)
    smaller_rate = run.settings.changed_rate(0.1)
    return Finding(
        f"{percent(share)} of the units of {layer} ({run.layers.kind_of(layer)}) have the same output for "
        f"every sample, {'more than half of them' if share > _MANY else 'half of them'} since step {step:,}",
        "certain" if run.poor and share >= _NEARLY_ALL else "likely",
        "fault" if run.poor or share >= _NEARLY_ALL else "note",
        {"dead": share},
        layer,
        step,
        smaller_rate or run.settings.flag("model.activation", "leaky_relu"),
        "take a smaller learning rate, LeakyReLU or batch normalisation",
    )


RULE = Rule("dead_units", check, (*STUCK, "learning_rate_too_low"))
