"""A classifier that nearly always predicts the same class."""

from dlcore.diagnosis.layer_looks import OUTPUTS
from dlcore.diagnosis.rule import Finding, Rule, percent
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Compare the most common prediction with the most common target in the last record."""
    if not run.is_classifier:  # outputs of an autoencoder, say, are no predictions
        return None
    answer, target = run.layers.last(OUTPUTS, "top_share"), run.layers.last(OUTPUTS, "top_target")
    # With two classes, one prediction is always common, so the limit is higher. A network that still learns may also
    # prefer a class; that is no collapse.
    if not answer > (0.98 if run.num_classes == 2 else 0.9) or not target < 0.9 or not run.poor:
        return None
    smaller_rate = run.settings.changed_rate(0.1) if run.settings.lr > run.settings.usual_lr else ()
    return Finding(
        _("{share} of the samples get the same prediction; the most common class has {target}").format(
            share=percent(answer), target=percent(target)
        ),
        "certain",
        numbers={"top_share": answer, "top_target": target},
        layer=OUTPUTS,
        step=int(run.layers.over_time(OUTPUTS, "top_share")[0][-1]),
        flags=smaller_rate + run.settings.flag("data.balanced", "true"),
        advice=_(
            "see whether the labels belong to the inputs, weigh or balance rare classes, or change the learning "
            "rate (python -m dlcore lr_find suggests one)"
        ),
    )


RULE = Rule(N_("class collapse"), check, ("underfitting", "stopped_too_early", "plateau"))
