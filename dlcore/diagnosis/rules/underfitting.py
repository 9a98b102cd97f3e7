"""Poor results on the training samples themselves, which more training would not improve."""

import math

from dlcore.diagnosis.rule import Finding, Rule, percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_CHECKS = 5
_STILL = 0.01  # relative fall of the loss per check
_POOR = {True: 0.6, False: 0.3}  # skill between chance (0) and perfect (1) for a classifier; R² for a regression


def check(run: Evidence) -> Finding | None:
    """Find a poor training result that hardly changes any more and is close to that of validation."""
    train, val = run.skill("train"), run.skill("val")
    if not train < _POOR[run.is_classifier] or train - val > 0.1 or run.learned_nothing:
        return None
    layers = run.settings.hidden_layers
    sizes = run.settings.values.get("model.hidden_sizes")
    narrow_layer = run.module.get("narrow") or {}
    least = float(narrow_layer.get("units", 1000))
    if isinstance(sizes, list) and layers is not None:
        least = min(sizes, default=1000)
    narrow = least < (run.num_classes or 5)
    still = len(run.values("train/loss")) >= _CHECKS and abs(run.still_falls) < _STILL
    # A layer with far fewer units than classes stays a bottleneck, even if the loss still falls.
    if not still and not least < (run.num_classes or 0) / 3:
        return None
    accuracy = run.last("train/accuracy")
    text = _("even the training samples are learned badly (accuracy {result})")
    if math.isnan(accuracy):
        text = _("even the training samples are learned badly (R² {result})")
    text = text.format(result=short(train) if math.isnan(accuracy) else percent(accuracy))
    if still:
        said = _(", and the loss hardly falls any more ({falls} a check)")
        text += said.format(falls=percent(max(run.still_falls, 0)))
    if layers is not None:
        text += _("; hidden layers: {sizes}").format(sizes=sizes)
    elif narrow:
        text += _("; narrowest layer: {layer} (units: {units}, classes: {classes})").format(
            layer=narrow_layer["name"], units=narrow_layer["units"], classes=run.num_classes
        )
    brakes = [flag for name in run.settings.dropouts for flag in run.settings.flag(name, 0)]
    wider = run.settings.flag("model.hidden_sizes", "[256,128]") if narrow else ()
    return Finding(
        text,
        "likely" if narrow else "possible",
        numbers={"train_skill": train, "falls": run.still_falls},
        flags=wider or tuple(brakes[:2]),
        advice=_("give the network more or wider layers, or more informative features; wrong labels look the same"),
    )


RULE = Rule(N_("underfitting"), check, ("plateau", "unsteady"))
