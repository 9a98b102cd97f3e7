"""Split and quantity of a metric by its name: ``val_acc`` and ``validation/accuracy`` are ``val/accuracy``.

Modules may use any names for their metrics. Readers of a run (figures, summary, diagnosis, comparison) expect
``train/X``, ``val/X`` and ``test/X``; this module maps other names to these. Stored names do not change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Columns = Mapping[str, Sequence[float | None]]

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    "训练": "train",
    "验证": "val",
    "测试": "test",
}
_KINDS = ("binary", "multiclass", "multilabel")  # torchmetrics: MulticlassAccuracy
_WHOLE = {
    **{word: word for word in ("loss", "accuracy", "precision", "recall", "perplexity", "f1", "r2", "auroc")},
    "acc": "accuracy", "auc": "auroc", "ppl": "perplexity", "bpc": "bits_per_character", "f1_score": "f1",
    "r2_score": "r2", "losses": "loss", "损失": "loss", "准确率": "accuracy", "正确率": "accuracy",
    "精确率": "precision", "召回率": "recall", "困惑度": "perplexity",
}  # fmt: skip


def canonical_name(metric: str) -> str:
    """Return dlcore's spelling of a metric: ``valid_acc_epoch`` gives ``val/accuracy``, ``Loss/train`` ``train/loss``.

    A name without a split (``lr``, ``loss``) gets none: ``acc`` gives ``accuracy``.
    """
    plain, loader, number = metric.partition("/dataloader_idx_")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=^训练|^验证|^测试)(?=\w)", "_", plain)
    pieces = [piece for piece in re.split(r"([/_.\- ]+)", words) if piece]
    manner = ""
    if len(pieces) > 2 and pieces[-1].lower() in ("step", "epoch"):
        manner = "_step" if pieces[-1].lower() == "step" else ""
        pieces = pieces[:-2]
    part = ""
    if len(pieces) > 2 and pieces[0].lower() in _PARTS:
        part, pieces = _PARTS[pieces[0].lower()], pieces[2:]
    elif len(pieces) > 2 and pieces[-1].lower() in _PARTS:
        part, pieces = _PARTS[pieces[-1].lower()], pieces[:-2]
    quantity = _quantity("".join(pieces)) + manner
    return f"{part}{'/' * bool(part)}{quantity}{loader}{number}"


def aliases(names: Iterable[str]) -> dict[str, str]:
    """Map canonical names to logged names, for metrics with another spelling.

    A name without a split is a training metric if it is a loss, or if validation logs the same quantity, as in Keras
    (``acc``, ``val_acc``). If two metrics have the same meaning, use the first; a name that is already canonical has
    no alias.
    """
    logged = list(dict.fromkeys(names))
    meant = {name: canonical_name(name) for name in logged}
    for name, canonical in meant.items():
        quantity = canonical.removesuffix("_step")
        if _part_of(canonical) == "" and (quantity == "loss" or f"val/{quantity}" in meant.values()):
            meant[name] = f"train/{canonical}"
    found: dict[str, str] = {}
    for name, canonical in meant.items():
        if _part_of(canonical) and canonical not in logged:
            found.setdefault(canonical, name)
    return found


def as_logged(metric: str, names: Iterable[str]) -> str:
    """Return the name under which a run logged a metric, given its canonical name."""
    return aliases(names).get(metric, metric)


def first_of(metrics: Mapping[str, Any], *names: str) -> Any:
    """Return the value of the first metric that was logged, under its own name or an alias; None without any."""
    own = aliases(metrics)
    return next((metrics[own.get(name, name)] for name in names if name in metrics or name in own), None)


def read_as_pairs(columns: Columns) -> dict[str, Sequence[float | None]]:
    """Return a run's columns, and those with other names under ``train/X``, ``val/X`` and ``test/X`` too.

    A training metric logged per step becomes ``train/X_step``, and its means per epoch become ``train/X``. Epochs that
    Lightning counts from 0 become epochs completed, with a fraction.

    Args:
        columns: ``step``, ``epoch`` and metrics by name, one cell per row; None if a row has no value.
    """
    read: dict[str, Sequence[float | None]] = dict(columns)
    if "epoch" in columns:
        read["epoch"] = _epochs_done(columns["step"], columns["epoch"])
    found = aliases(name for name, column in columns.items() if any(value is not None for value in column))
    read |= {canonical: columns[name] for canonical, name in found.items()}
    for name in [name for name in read if name.startswith("train/") and not name.endswith("_step")]:
        if "epoch" in read and f"{name}_step" not in read and _is_by_step(read, name):
            read[f"{name}_step"] = read[name]
            read[name] = _means(read[name], read["epoch"])
    return read


def _quantity(text: str) -> str:
    words = re.split(r"[_.\- ]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower())
    words = words[1:] if len(words) > 1 and words[0] in _KINDS else words
    return _WHOLE.get("_".join(words), text)


def _part_of(canonical: str) -> str:
    part = canonical.partition("/")[0]
    return part if part in _PARTS.values() and part != canonical else ""


def _epochs_done(steps: Sequence[float | None], epochs: Sequence[float | None]) -> list[float | None]:
    """Return the epochs completed at each row; change only Lightning's counts from 0."""
    known = [(step, epoch) for step, epoch in zip(steps, epochs, strict=True) if step is not None and epoch is not None]
    whole = all(epoch == round(epoch) for _, epoch in known)
    if not known or not whole or not any(epoch == 0 and step > 0 for step, epoch in known):
        return list(epochs)
    ends = [max(step for step, epoch in known if epoch == each) for each in sorted({epoch for _, epoch in known})]
    numbers = [epoch + 1 for epoch in sorted({epoch for _, epoch in known})]
    longest = max(np.diff([-1, *ends]))
    # The last epoch may be incomplete.
    if len(ends) > 1 and (rest := ends[-1] - ends[-2]) < longest:
        numbers[-1] = numbers[-2] + rest / longest
    done = np.interp([-1 if step is None else step for step in steps], [-1, *ends], [0, *numbers])
    return [None if epoch is None else round(float(value), 4) for value, epoch in zip(done, epochs, strict=True)]


def _is_by_step(columns: Columns, name: str) -> bool:
    """Return whether a training metric has many more values than epochs and validations."""
    epochs = [epoch for epoch in columns["epoch"] if epoch is not None]
    checks = sum(value is not None for value in columns.get(f"val/{name.removeprefix('train/')}", ()))
    values = sum(value is not None for value in columns[name])
    return values > 2 * max(checks, max(epochs, default=0.0)) + 1


def _means(column: Sequence[float | None], epochs: Sequence[float | None]) -> list[float | None]:
    """Return the mean of each epoch's values, at the row of the epoch's last value."""
    means: list[float | None] = [None] * len(column)
    by_epoch: dict[int, list[int]] = {}
    for place, (value, epoch) in enumerate(zip(column, epochs, strict=True)):
        if value is not None and epoch is not None:
            by_epoch.setdefault(int(np.ceil(epoch)), []).append(place)
    for places in by_epoch.values():
        means[places[-1]] = float(np.mean([column[place] for place in places]))
    return means
