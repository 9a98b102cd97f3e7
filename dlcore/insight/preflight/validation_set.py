"""Check: is the validation set like the training set, in its inputs and in the shares of its classes?

Shapes: N samples, K classes.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from scipy.stats import ttest_ind
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.data.array_data import ArrayData
from dlcore.diagnosis.rules.validation_unlike_training import APART, RATIO
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.drawn_samples import classes_of_set, drawn_samples, first_batches, joined
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.short_training import tensors_of
from dlcore.nn import LanguageModeling, Regression
from dlcore.translation import _

_FAR = 10.0  # ratio of the standard deviations: a failure
_DISTANCE = 0.25  # of the shares of the classes
_CHANCE = 1e-4  # probability that chance alone makes such a difference


def check_validation(case: Case, result: CheckResult) -> None:
    """Compare samples of both sets, drawn at random and as the network gets them, but not augmented."""
    if not case.validates:
        result.skip(_("the run does not validate"))
        return
    if isinstance(case.task, LanguageModeling):
        result.skip(_("text has neither numbers as inputs nor classes"))
        return
    train, val = drawn_samples(case, "train"), drawn_samples(case, "val")
    inputs, others = (joined(part, partial(_inputs, case)) for part in (train, val))
    if inputs is not None and others is not None:
        _compare_inputs(inputs, others, result)
    classes, held_out = classes_of_set(case, "train", train), classes_of_set(case, "val", val)
    if classes is not None and held_out is not None and not isinstance(case.task, Regression):
        _compare_classes(case, classes, held_out, result)
    if not result.findings:
        result.skip(_("neither numbers as inputs nor class indices as targets"))


def _inputs(case: Case, batch: Any) -> Tensor | None:
    """Return a loader's batch as rows (N, 4) of the network's inputs: mean, mean square, smallest, largest."""
    with suppress(Exception):  # a hook of the user's own may need a training
        batch = case.delivered(batch)
    values = batch[0] if isinstance(batch, list | tuple) and batch else batch
    inputs = next((tensor for _, tensor in tensors_of(values) if tensor.dim() > 1), None)
    if inputs is None or not (inputs.is_floating_point() or inputs.dtype == torch.uint8) or not inputs.numel():
        return None
    rows = inputs.flatten(1).float()
    return torch.stack([rows.mean(dim=1), rows.square().mean(dim=1), rows.amin(dim=1), rows.amax(dim=1)], dim=1).cpu()


def _compare_inputs(train: Tensor, val: Tensor, result: CheckResult) -> None:
    if not torch.isfinite(train).all():
        return  # the check of the inputs reports it
    if not torch.isfinite(val).all():
        result.fail(_("some inputs are NaN or infinite, in training none"), expected=_("finite numbers"))
        return
    words, numbers = [], []
    for name, rows in (("train", train), ("val", val)):
        mean = rows[:, 0].mean().item()
        std = max(rows[:, 1].mean().item() - mean**2, 0.0) ** 0.5
        mean = mean if abs(mean) > 1e-4 * std else 0.0
        low, high = rows[:, 2].min().item(), rows[:, 3].max().item()
        result.numbers |= {f"{name}_mean": mean, f"{name}_std": std}
        said = _("mean {mean:.3g}, standard deviation {std:.3g}, from {low:.3g} to {high:.3g}")
        words.append(said.format(mean=mean, std=std, low=low, high=high))
        numbers.append((mean, std))
    (mean, std), (other, spread) = numbers
    if not std > 0:
        return
    ratio = spread / std
    unlike = abs(other - mean) > APART * std or not 1 / RATIO <= ratio <= RATIO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # samples that are all the same, or one only
        chances = ttest_ind(train[:, :2], val[:, :2], equal_var=False).pvalue
    if not unlike or not (chances <= _CHANCE).any():
        seen = _("inputs as in training: mean {val:.3g} and {train:.3g}, standard deviation {spread:.3g} and {std:.3g}")
        result.ok(seen.format(val=other, train=mean, spread=spread, std=std))
        return
    note = result.warn if 1 / _FAR < ratio < _FAR else result.fail
    note(
        _("inputs unlike those of training: {val}; in training: {train}").format(val=words[1], train=words[0]),
        _("prepare both alike: the same scale, the same normalisation, the same colours"),
    )


def _compare_classes(case: Case, train: Tensor, val: Tensor, result: CheckResult) -> None:
    if min(train.min(), val.min()) < 0:
        return
    shares, distance, usual = _difference(train, val)
    if distance > max(_DISTANCE, usual):  # a sampler may make up for it
        batches = first_batches(case.loader)
        given = joined(batch[:2] if isinstance(case.datamodule, ArrayData) else batch for batch in batches)
        if given is not None and given.min() >= 0:
            shares, distance, usual = min((shares, distance, usual), _difference(given, val), key=itemgetter(1))
    result.numbers["distance"] = distance
    if distance <= max(_DISTANCE, usual):
        result.ok(_("shares of the classes: total variation distance {share:.0%} from training").format(share=distance))
        return
    most = int(np.abs(shares[0] - shares[1]).argmax())
    names = data_facts(case.datamodule).get("class_names") or range(shares.shape[1])
    seen = _("class {name} is {train:.0%} of the training and {val:.0%} of the validation")
    result.warn(
        seen.format(name=names[most], train=shares[0, most], val=shares[1, most]),
        case.flag("data", "balanced", "true", _("each class comes equally often")),
        _("draw both sets from the same samples, at random"),
        expected=_("about the same shares"),
    )


def _difference(train: Tensor, val: Tensor) -> tuple[np.ndarray, float, float]:
    """Return the shares of the classes in both sets (2, K), their total variation distance, and its limit by chance.

    Of samples drawn from one set, the distance exceeds its mean by more than the added term only with the probability
    `_CHANCE` (McDiarmid 1989, "On the method of bounded differences").
    """
    classes = int(max(train.max(), val.max())) + 1
    counts = np.stack([torch.bincount(each, minlength=classes).numpy() for each in (train, val)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    both = counts.sum(axis=0) / counts.sum()
    spread = 1 / len(train) + 1 / len(val)
    mean = np.sqrt(2 / np.pi * both * (1 - both) * spread).sum() / 2
    limit = mean + np.sqrt(-np.log(_CHANCE) / 2 * spread)
    return shares, float(np.abs(shares[0] - shares[1]).sum() / 2), float(limit)
