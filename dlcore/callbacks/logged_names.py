"""Detection of a mistyped metric name before the first step, by the sanity check and the model's code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from types import CodeType
from typing import Any

from lightning.pytorch import LightningModule, Trainer

_PARTS = re.compile(r"^(?:(val|valid|validation)|(train|training)|(test|dev|eval))(?=[/_.\- ])[/_.\- ]*", re.IGNORECASE)
_NEAR = 0.8  # similarity to a known name above which a name is a typing error, if it is not a validation metric
_LIBRARIES = ("lightning", "pytorch_lightning", "torch", "torchmetrics", "builtins", "abc", "typing")


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
    for text in _strings_of(model, *trainer.callbacks):  # type: ignore[attr-defined]
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
