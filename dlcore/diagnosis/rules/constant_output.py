"""A network that gives the same output for every sample: it ignores its input."""

from dlcore.diagnosis.layer_looks import OUTPUTS
from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_ALL = 0.99  # share of the outputs


def check(run: Evidence) -> Finding | None:
    """Find outputs that are the same for all samples in the last record."""
    share = run.layers.last(OUTPUTS, "dead")
    if not share >= _ALL:
        return None
    return Finding(
        _("{share} of the outputs are the same for every sample: the network ignores its input").format(
            share=percent(share)
        ),
        "certain",
        numbers={"constant": share},
        layer=OUTPUTS,
        step=run.layers.first_step(OUTPUTS, "dead", _ALL),
        flags=run.settings.changed_rate(0.1),
        advice=_("take a smaller learning rate, and no ReLU after the last layer"),
    )


RULE = Rule(
    N_("constant output"),
    check,
    ("no_learning", "text_not_learned", "class_collapse", "underfitting", "plateau", "stopped_too_early"),
)
