"""Names of logged metrics: whether one is mistyped, and whether a smaller or a larger value of it is better."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from types import CodeType
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from torchmetrics import Metric

from dlcore.lightning_compat import callbacks_of, logged_results
from dlcore.tracking.metric_names import mode_of

_PARTS = re.compile(r"^(?:(val|valid|validation)|(train|training)|(test|dev|eval))(?=[/_.\- ])[/_.\- ]*", re.IGNORECASE)
_NEAR = 0.8  # similarity to a known name above which a name is a typing error, if it is not a validation metric
_LIBRARIES = ("lightning", "pytorch_lightning", "torch", "torchmetrics", "builtins", "abc", "typing")


def nature_of(trainer: Trainer, name: str) -> str | None:
    """Return ``min`` or ``max``; None if unknown."""
    metric = _logged_object(trainer, name)
    return (metric is not None and _nature_of_object(metric)) or mode_of(name)


def has_metrics(model: LightningModule) -> bool:
    """Return whether a model has torchmetrics objects, which it may log."""
    return any(isinstance(module, Metric) for module in model.modules())


def _nature_of_object(metric: Metric) -> str | None:
    greater = getattr(metric, "higher_is_better", None)
    of_class = mode_of(type(metric).__name__)
    if isinstance(greater, bool) and (of_class is None or not type(metric).__module__.startswith("torchmetrics.")):
        return "max" if greater else "min"
    return of_class  # `higher_is_better` is wrong for some torchmetrics classes and missing for others


def _logged_object(trainer: Trainer, name: str) -> Metric | None:
    """Return the metric object that a module has passed to `self.log`."""
    epoch_loop = trainer.fit_loop.epoch_loop
    plain = name.partition("/dataloader_idx_")[0].removesuffix("_epoch").removesuffix("_step")
    for results in (logged_results(epoch_loop.val_loop), logged_results(epoch_loop)):
        for result in results.values():
            if not result.is_tensor and result.meta.name in (name, plain):
                value = result.value
                return value if isinstance(value, Metric) else None
    return None


def part_of(metric: str) -> str:
    """Return a metric's split by its name: ``val``, ``train`` or ``other``; empty if the name has no split."""
    found = _PARTS.match(metric)
    return ("val", "train", "other")[(found.lastindex or 1) - 1] if found else ""


def quantity_of(metric: str) -> str:
    """Return a metric's name without its split: ``val/loss``, ``val_loss`` and ``loss`` give ``loss``."""
    return _PARTS.sub("", metric).strip("/_.- ")


def is_mistyped(monitor: str, names: Iterable[str], model: LightningModule, trainer: Trainer) -> bool:
    """Return whether nothing will log a metric, as far as this is known before the training.

    A validation metric must be logged in the sanity check, or its name must occur in the code of the model or of a
    callback, which may log it later. Another metric is mistyped only if it is similar to a logged name: the names of
    training metrics are not known yet.
    """
    known = set(names)
    validated = [name for name in known if part_of(name) == "val"]
    if monitor in known or not validated:
        return False
    if any(name.startswith(f"{monitor}/dataloader_idx_") for name in known):
        return True
    quantity = quantity_of(monitor)
    for text in _strings_of(model, *callbacks_of(trainer)):
        if text == monitor or (not part_of(text) and quantity_of(text) == quantity):  # in full, or joined from parts
            return False
    if part_of(monitor) == "val":
        return True
    quantities = {quantity_of(name) for name in validated} | (set() if part_of(monitor) else set(validated))
    alike = [near for near in quantities if SequenceMatcher(None, quantity, near).ratio() >= _NEAR]
    # A known name with a suffix is not a typing error: loss_2, loss_epoch.
    return quantity not in quantities and bool(alike) and not any(quantity.startswith(near) for near in alike)


def _strings_of(*objects: Any) -> Iterator[str]:
    """Yield the strings in the code of the objects' classes, except libraries and dlcore's callbacks."""
    for cls in {cls for each in objects for cls in type(each).__mro__}:
        if cls.__module__.partition(".")[0] in _LIBRARIES or cls.__module__.startswith("dlcore.callbacks"):
            continue
        for value in vars(cls).values():
            function = inspect.unwrap(getattr(value, "__func__", getattr(value, "fget", value)) or value)
            if code := getattr(function, "__code__", None):
                yield from _strings_in(code)


def _strings_in(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _strings_in(constant)
