"""Check: does a training batch hold as many classes as samples drawn at random would?

Shapes: M batches, K classes.
"""

from __future__ import annotations

import numpy as np
from torch.utils.data import BatchSampler

from dlcore.data.array_data import ArrayData
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.drawn_samples import classes_of, classes_of_set, drawn_samples, first_batches
from dlcore.insight.preflight.report import CheckResult
from dlcore.nn import LanguageModeling, Regression
from dlcore.translation import _

_FEW, _ONE = 0.5, 0.1  # of the classes beyond the first that a batch holds by chance: a warning, a failure
_SURE = 5.0  # standard deviations


def check_class_order(case: Case, result: CheckResult) -> None:
    """Count the classes of the first training batches, in the loader's order."""
    if isinstance(case.task, Regression | LanguageModeling):
        result.skip(_("the targets are no classes"))
        return
    if case.trainer.overfit_batches:  # type: ignore[attr-defined]
        result.skip(_("the run repeats a few batches on purpose"))
        return
    batches = first_batches(case.loader)
    if isinstance(case.datamodule, ArrayData):
        batches = [batch[:2] for batch in batches]  # augmentation adds the samples' indices
    seen = [classes for batch in batches if (classes := classes_of(batch)) is not None]
    drawn = classes_of_set(case, "train", drawn_samples(case, "train"))
    if drawn is None or not seen or len(seen) < len(batches):
        result.skip(_("no class indices as targets"))
        return
    sizes = np.array([len(classes) for classes in seen])
    shares = np.bincount(np.unique(drawn.numpy(), return_inverse=True)[1]) / len(drawn)
    # A class of share p is missing in a batch of size b with the probability (1 - p)^b. Classes exclude each other, so
    # the variance of their number is at most the sum of the classes' variances.
    missing = (1 - shares) ** sizes[:, None]  # (M, K)
    expected, deviation = (1 - missing).sum(), np.sqrt((missing * (1 - missing)).sum())
    counted = sum(len(classes.unique()) for classes in seen)
    found, chance = counted / len(seen), float(expected) / len(seen)
    result.numbers |= {"classes": found, "by_chance": chance}
    if chance <= 1 + 1e-6:
        result.skip(_("one class, or batches of one sample"))
        return
    told = _("{found:.3g} classes in a batch on average, {chance:.3g} in samples drawn at random")
    told = told.format(found=found, chance=chance)
    ratio = (found - 1) / (chance - 1)
    sampler = getattr(case.loader, "batch_sampler", None)
    if not (ratio < _FEW and expected - counted > _SURE * deviation):
        result.ok(told)
    elif sampler is not None and type(sampler) is not BatchSampler:
        result.ok(_("{told}: as {sampler} composes them").format(told=told, sampler=type(sampler).__name__))
    else:
        note = result.fail if ratio < _ONE else result.warn
        note(
            _("{told}: the samples are sorted by class, and each step forgets the classes that it lacks").format(
                told=told
            ),
            case.flag("data", "shuffle", "true")
            or _("shuffle the training samples: {how}").format(how="DataLoader(..., shuffle=True)"),
        )
