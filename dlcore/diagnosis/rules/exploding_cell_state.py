"""An LSTM whose cell state grows without bound: its tanh is flat there, and no gradient passes."""

import math

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

CELL = "cell state"
_LARGE = 50.0  # root mean square; a trained network's is below 10, and tanh is flat above 3


def check(run: Evidence) -> Finding | None:
    """Find the layer with the largest cell state after the last token."""
    found: tuple[float, str] = 0.0, ""
    for layer in dict.fromkeys(run.layers.layer[run.layers.kind == CELL]):
        size = math.hypot(run.layers.last(layer, "mean"), run.layers.last(layer, "std"))
        found = max(found, (size, str(layer).removesuffix(":cell")))
    size, layer = found
    if not size > _LARGE:
        return None
    settings = run.settings
    return Finding(
        _(
            "the cell state of {layer} has grown to {size} (root mean square), where tanh is flat: what it holds does "
            "not reach the output, and no gradient comes back"
        ).format(layer=layer, size=short(size)),
        "likely",
        numbers={"cell_state": size},
        layer=layer,
        flags=settings.flag("model.cell", "gru") if settings.text("model.cell") == "lstm" else (),
        advice=_(
            "start with the bias of the forget gates at 0 to 1, take a smaller learning rate, do not carry the state "
            "over all pieces, or use a GRU, whose state is bounded"
        ),
    )


_FOLLOWS = ("saturated_units", "vanishing_gradients", "learning_rate_too_low", *NO_PROGRESS)
RULE = Rule(N_("exploding cell state"), check, _FOLLOWS)
