"""Check: the targets. Class frequencies, missing classes, targets out of range.

Shapes: N samples, K classes, V words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.data.array_data import ArrayData
from dlcore.errors import never_fatal
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult, listed
from dlcore.insight.text_baseline import text_baseline
from dlcore.nn import Binary, LanguageModeling, Multiclass, Regression
from dlcore.translation import _

_FAR = 1000.0  # size of a regression's targets: first answers are near 0
_HEAVY = 10  # ratio of the most frequent to the rarest class
_MOST_TOKENS = 1_000_000
_MOST_WEIGHTS = 20


def check_labels(case: Case, result: CheckResult) -> None:
    """Count the targets of the training and the validation set."""
    task, data = case.task, case.datamodule
    if isinstance(task, LanguageModeling):
        _count_words(case, task, result)
        return
    if task is None:
        seen = _("{model} does not tell what its targets are, as dlcore's models do (task)")
        result.skip(seen.format(model=type(case.model).__name__))
        return
    if not isinstance(data, ArrayData):
        result.skip(_("{data} does not hold its targets in memory").format(data=type(data).__name__))
        return
    train, val = (data.parts[name].targets[data.parts[name].indices] for name in ("train", "val"))
    if isinstance(task, Regression):
        _look_at_numbers(case, train, val, result)
    elif isinstance(task, Multiclass | Binary):
        _count_classes(case, task, train, val, result)
    else:
        result.skip(_("nothing known of the task {task}").format(task=type(task).__name__))


def _count_classes(case: Case, task: Multiclass | Binary, train: Tensor, val: Tensor, result: CheckResult) -> None:
    classes = task.num_classes
    low, high = int(min(train.min(), val.min())), int(max(train.max(), val.max()))
    if low < 0 or high >= classes:
        seen = _("targets from {low} to {high}, but the model has {classes} classes")
        result.fail(
            seen.format(low=low, high=high, classes=classes),
            _("leave --model.num_classes out: the data say it"),
            expected=_("{low} to {high}").format(low=0, high=classes - 1),
        )
        return
    names = data_facts(case.datamodule).get("class_names")
    names = [str(name) for name in names or range(classes)]
    counts, held_out = (torch.bincount(part.long(), minlength=classes).tolist() for part in (train, val))
    commonest = int(np.argmax(counts))
    right = held_out[commonest] / sum(held_out)
    result.numbers |= {"commonest": max(counts), "rarest": min(counts), "always_the_commonest": right}
    if sum(count > 0 for count in counts) == 1:
        seen = _("all {n:,} training samples are of one class, {name!r}: nothing to learn")
        result.fail(seen.format(n=sum(counts), name=names[commonest]))
        return
    missing = [names[place] for place in range(classes) if not counts[place]]
    unseen = [names[place] for place in range(classes) if not counts[place] and held_out[place]]
    if unseen:
        seen = _("validation has classes that training lacks: {names}").format(names=listed(unseen))
        result.fail(seen, _other_split(case))
    elif missing:
        seen = _("no training sample of {n} of {classes} classes: {names}")
        result.warn(seen.format(n=len(missing), classes=classes, names=listed(missing)))
    unchecked = [names[place] for place in range(classes) if counts[place] and not held_out[place]]
    if unchecked:
        seen = _("no validation sample of {names}: how well they are learned will not be measured")
        result.warn(seen.format(names=listed(unchecked)), _other_split(case))
    there = [count for count in counts if count]
    samples = _("{low:,} training samples of each class")
    if min(there) < max(there):
        samples = _("{low:,} to {high:,} training samples a class")
    seen = _("{samples}; always answering {name!r} is right in {right:.1%} of the validation").format(
        samples=samples.format(low=min(there), high=max(there)), name=names[commonest], right=right
    )
    uneven = max(there) > _HEAVY * min(there)
    evened = task.class_weights is not None or getattr(case.datamodule, "balanced", False)
    if uneven and not evened:
        result.warn(_("uneven: {seen}").format(seen=seen), *_evening(case, counts))
    else:
        result.ok(seen + _("; class weights or balanced epochs make up for it") * uneven)
    with never_fatal("TF-IDF and logistic regression", print):
        share = text_baseline(case.datamodule, "val")
        if share is not None:
            result.numbers["baseline"] = share
            baseline = _("TF-IDF and logistic regression, which know no order of words, are right in {share:.1%} of it")
            result.ok(baseline.format(share=share))


def _evening(case: Case, counts: Sequence[int]) -> list[str]:
    """Return the flags that give rare classes more weight."""
    remedies = [case.flag("data", "balanced", "true", _("each class comes equally often"))]
    if len(counts) <= _MOST_WEIGHTS and all(counts):
        weights = [sum(counts) / (len(counts) * count) for count in counts]
        text = "'[" + ", ".join(f"{weight:.2g}" for weight in weights) + "]'"
        remedies.append(case.flag("model", "class_weights", text, _("each class counts the same in the loss")))
    return remedies


def _other_split(case: Case) -> str:
    return case.flag("data", "split_seed", 1, _("another choice of the validation samples"))


def _look_at_numbers(case: Case, train: Tensor, val: Tensor, result: CheckResult) -> None:
    train, val = train.reshape(len(train), -1).double(), val.reshape(len(val), -1).double()
    if not (torch.isfinite(train).all() and torch.isfinite(val).all()):
        result.fail(_("some targets are NaN or infinite"), expected=_("finite numbers"))
        return
    std, mean = (part.mean().item() for part in torch.std_mean(train, dim=0, correction=0))
    error = (val - train.mean(dim=0)).square().mean().sqrt().item()
    result.numbers |= {"mean": mean, "std": std, "rmse_of_the_mean": error}
    if std == 0:
        result.fail(_("all {n:,} training targets are {mean:.4g}: nothing to learn").format(n=len(train), mean=mean))
        return
    seen = _(
        "targets of mean {mean:.4g} and deviation {std:.4g}; always answering the mean has rmse {error:.4g} in "
        "validation"
    ).format(mean=mean, std=std, error=error)
    if math.hypot(mean, std) > _FAR and getattr(case.model, "target_std", None) is None:
        factor = 10.0 ** math.floor(math.log10(std))
        scaled = ""
        if case.takes("model", "target_std"):
            scaled = case.flag("data", "standardize_target", "true", _("the network learns standardised targets"))
        unit = case.flag(
            "data", "target_unit", f"{factor * case.target_unit:g}", _("in this unit they are nearer to 0")
        )
        seen = _("large: {seen}").format(seen=seen)
        result.warn(seen, scaled, unit if factor >= 10 else "", expected=_("numbers of about 1"))
        return
    result.ok(seen)


def _count_words(case: Case, task: LanguageModeling, result: CheckResult) -> None:
    data: Any = case.datamodule
    part = getattr(data, "parts", {}).get("train")
    if part is None or not hasattr(data, "vocabulary"):
        result.skip(_("the text is not in memory"))
        return
    tokens = np.asarray(part.tokens[:_MOST_TOKENS]).astype(np.int64)
    counts = np.bincount(tokens, minlength=task.out_features)
    share = counts.max() / counts.sum()
    shares = counts[counts > 0] / counts.sum()
    nats = float(-(shares * np.log(shares)).sum())
    result.numbers |= {"commonest": float(share), "nats_by_frequency": nats, "tokens": float(len(part.tokens))}
    word = data.vocabulary.text([int(counts.argmax())])
    shown = repr(word) if word.strip() else _("the line break") if word == "\n" else _("the end of a document")
    seen = _(
        "{n:,} training tokens; the commonest, {token}, is {share:.1%} of them; a model that knows only their "
        "frequencies has a loss of {nats:.3g} nats"
    )
    result.ok(seen.format(n=len(part.tokens), token=shown, share=share, nats=nats))
