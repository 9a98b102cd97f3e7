"""Hidden layers without an activation between them: together they are one linear layer."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Find the identity as the activation of a network with hidden layers."""
    layers = run.settings.hidden_layers
    if run.settings.activation not in ("identity", "linear", "none") or not (
        layers or run.settings.text("model") == "CNN"
    ):
        return None
    return Finding(
        _(
            "the activation is {name}: without another one between them, all layers do no more than one linear layer"
        ).format(name=run.settings.text("model.activation")),
        "certain",
        flags=run.settings.flag("model.activation", "ReLU"),
        advice=_("put ReLU between the layers"),
    )


RULE = Rule(N_("no activation"), check, ("underfitting", "plateau", "no_learning"), is_cause=True)
