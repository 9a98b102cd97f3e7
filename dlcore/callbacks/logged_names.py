"""Whether a metric's name is mistyped: told before the first step, by the trial validation and the model's code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from types import CodeType
from typing import Any

from lightning.pytorch import LightningModule, Trainer

_PARTS = re.compile(r"^(?:(val|valid|validation)|(train|training)|(test|dev|eval))(?=[/_.\- ])[/_.\- ]*", re.IGNORECASE)
_NEAR = 0.8  # how much alike a name of no validation must be to one that is known, to be taken for a slip
_LIBRARIES = ("lightning", "pytorch_lightning", "torch", "torchmetrics", "builtins", "abc", "typing")


def part_of(metric: str) -> str:
    """The part that a metric is of, by its name: ``val``, ``train``, ``other`` or, where it does not say, nothing."""
    found = _PARTS.match(metric)
    return ("val", "train", "other")[(found.lastindex or 1) - 1] if found else ""


def quantity_of(metric: str) -> str:
    """A metric's name without its part: ``val/loss``, ``val_loss`` and ``loss`` are ``loss``."""
    return _PARTS.sub("", metric).strip("/_.- ")


def is_mistyped(monitor: str, names: Iterable[str], model: LightningModule, trainer: Trainer) -> bool:
    """Whether nothing will log a metric, as far as it can be known before the training.

    A validation's metric must be among those of the trial validation, or its name stand in the code of the model or of
    a callback, which may log it later. Of another only what looks like a slip of one of the names is mistyped: how the
    training will name its metrics is not known yet.

    Args:
        monitor: The metric that is watched.
        names: Metrics that the trial validation has logged.
        model: The model.
        trainer: Its trainer, with the callbacks.
    """
    known = set(names)
    validated = [name for name in known if part_of(name) == "val"]
    if monitor in known or not validated:
        return False
    if any(name.startswith(f"{monitor}/dataloader_idx_") for name in known):
        return True
    quantity = quantity_of(monitor)
    for text in _strings_of(model, *trainer.callbacks):  # type: ignore[attr-defined]
        if text == monitor or (not part_of(text) and quantity_of(text) == quantity):  # whole, or put together
            return False
    if part_of(monitor) == "val":
        return True
    quantities = {quantity_of(name) for name in validated} | (set() if part_of(monitor) else set(validated))
    alike = [near for near in quantities if SequenceMatcher(None, quantity, near).ratio() >= _NEAR]
    # What goes on after a known name is not a slip: loss_2, loss_epoch.
    return quantity not in quantities and bool(alike) and not any(quantity.startswith(near) for near in alike)


def _strings_of(*objects: Any) -> Iterator[str]:
    """The strings in the code of objects' classes, but for those of libraries and of dlcore's callbacks."""
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
