"""Validation inputs of another mean or spread than those of training: they were prepared differently."""

from dlcore.diagnosis.layer_looks import INPUTS, VAL_INPUTS
from dlcore.diagnosis.rule import Finding, Rule, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

APART = 0.5  # difference of the means, in standard deviations of the training inputs
RATIO = 2.0  # of the standard deviations


def check(run: Evidence) -> Finding | None:
    """Compare the first validation inputs with the first training inputs."""
    if run.layers.has_kind("Embedding"):
        return None
    (mean, std), (other, spread) = (
        (run.layers.first(name, "mean"), run.layers.first(name, "std")) for name in (INPUTS, VAL_INPUTS)
    )
    if not std > 0 or not spread >= 0:
        return None
    apart, ratio = abs(other - mean) / std, spread / std
    if not (apart > APART or ratio > RATIO or ratio < 1 / RATIO):
        return None
    far = run.last("val/loss") > 1.5 * run.last("train/loss")
    poor = run.validation_is_poor or far or abs(run.skill("train") - run.skill("val")) > 0.1
    return Finding(
        _(
            "validation inputs are unlike those of training from the first check on: mean {other} against {mean}, "
            "standard deviation {spread} against {std}"
        ).format(other=short(other), mean=short(mean), spread=short(spread), std=short(std)),
        "likely" if poor else "possible",
        "fault" if poor else "note",
        {"train_mean": mean, "train_std": std, "val_mean": other, "val_std": spread},
        VAL_INPUTS,
        advice=_("prepare both alike: the same scale, the same normalisation, the same colours"),
    )


RULE = Rule(N_("validation unlike training"), check, ("no_learning", "overfitting", "worsening", "unsteady"))
