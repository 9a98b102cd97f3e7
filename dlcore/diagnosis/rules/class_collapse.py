"""A classifier that gives nearly always the same answer."""

from __future__ import annotations

from dlcore.diagnosis.evidence import Evidence
from dlcore.diagnosis.finding import Finding
from dlcore.diagnosis.layer_looks import OUTPUTS
from dlcore.diagnosis.rule import Rule
from dlcore.diagnosis.wording import percent, times

_UNEVEN = 20.0  # heaviest class by lightest


def look(run: Evidence) -> Finding | None:
    """Compare the commonest answer with the commonest target at the last look."""
    if run.layers is None:
        return None
    answer, target = run.layers.last(OUTPUTS, "top_share"), run.layers.last(OUTPUTS, "top_target")
    # Of two classes half are always answered one way: there only hardly anything else is a collapse. A network that is
    # on its way prefers a class too, but where the loss itself does, less is enough.
    weighed = _weights_ratio(run) >= _UNEVEN
    enough = 0.98 if run.num_classes == 2 else max(2 * target, 0.3) if weighed else 0.9
    if not answer > enough or not target < 0.9 or not (run.poor or weighed):
        return None
    smaller_rate = run.settings.changed_rate(0.1) if run.settings.lr > run.settings.usual_lr else ()
    remedies = smaller_rate + run.settings.flag("data.balanced", "true")
    return Finding(
        "class_collapse",
        f"{percent(answer)} of the samples get one and the same answer; the commonest class has {percent(target)}"
        + f"; one class counts {times(_weights_ratio(run))} as much as another" * weighed,
        "certain",
        numbers={"top_share": answer, "top_target": target},
        layer=OUTPUTS,
        step=int(run.layers.over_time(OUTPUTS, "top_share")[0][-1]),
        flags=run.settings.flag("model.class_weights", "null") if weighed else remedies,
        advice="see whether the labels belong to the inputs, weigh or balance rare classes, or change the learning "
        "rate (python -m dlcore lr_find suggests one)",
    )


def _weights_ratio(run: Evidence) -> float:
    """How much more the heaviest class counts in the loss than the lightest; 1 where all count alike."""
    weights = run.settings.values.get("model.class_weights")
    numbers = [each for each in weights if isinstance(each, int | float)] if isinstance(weights, list) else []
    return max(numbers) / min(numbers) if numbers and min(numbers) > 0 else 1.0


RULE = Rule("class_collapse", look, ("underfitting", "stopped_too_early", "plateau"), needs_layers=True)
