"""Class weights so different that the network predicts the heaviest class whenever it is uncertain."""

from dlcore.diagnosis.layer_looks import OUTPUTS
from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, percent, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_UNEVEN = 20.0  # largest weight / smallest weight
_MANY = 0.3  # share of the samples


def check(run: Evidence) -> Finding | None:
    """Find one prediction far more common than any target, in a run with very different class weights."""
    weights = run.settings.values.get("model.class_weights")
    numbers = [each for each in weights if isinstance(each, int | float)] if isinstance(weights, list) else []
    if not numbers or not min(numbers) > 0 or max(numbers) / min(numbers) < _UNEVEN:
        return None
    # Weights that balance rare classes are intended: they make the predictions more even.
    answer, target = run.layers.last(OUTPUTS, "top_share"), run.layers.last(OUTPUTS, "top_target")
    if not answer > max(2 * target, _MANY):
        return None
    ratio = max(numbers) / min(numbers)
    return Finding(
        _(
            "in the loss one class counts {times} as much as another: {share} of the samples get the same prediction; "
            "the most common class has {target}"
        ).format(times=times(ratio), share=percent(answer), target=percent(target)),
        "certain" if run.poor else "likely",
        numbers={"ratio": ratio, "top_share": answer, "top_target": target},
        layer=OUTPUTS,
        flags=run.settings.flag("model.class_weights", "null"),
        advice=_("weigh each class by one divided by its share of the samples, or not at all (python -m dlcore check)"),
    )


RULE = Rule(N_("uneven class weights"), check, ("dead_units", *NO_PROGRESS), is_cause=True)
