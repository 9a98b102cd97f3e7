"""So few training samples that the result and its validation are largely chance."""

import math

from dlcore.diagnosis.rule import Finding, Rule, recipe_of_few
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_OF_A_CLASS = 50  # samples per class


def check(run: Evidence) -> Finding | None:
    """Find a classifier's epochs with few samples, by their steps and the batch size."""
    settings = run.settings
    size, limit = settings.number("data.batch_size"), settings.number("trainer.limit_train_batches")
    if run.num_classes is None or not run.epochs >= 1 or not math.isnan(limit):  # the user limited the epoch
        return None
    batches = settings.number("trainer.accumulate_grad_batches")
    samples = run.steps_per_epoch * size * (batches if batches > 1 else 1)
    if not 0 < samples < _OF_A_CLASS * run.num_classes:
        return None
    advice = _("more samples; a network that was trained before, whose last layer alone learns; or augmentation")
    if settings.text("data") == "Table":
        advice = _("more rows; folds test on each row once: study --folds 5")
    return Finding(
        _(
            "an epoch has at most {samples:,.0f} samples of {classes} classes: from so few a network "
            "memorises much, and validation on a share of them is a rough guess"
        ).format(samples=samples, classes=run.num_classes),
        "likely",
        "note",
        {"samples": samples, "classes": float(run.num_classes)},
        flags=recipe_of_few(run) or (settings.flag("data.flip", 0.5) if settings.number("data.flip") == 0 else ()),
        advice=advice,
    )


RULE = Rule(N_("few samples"), check)
