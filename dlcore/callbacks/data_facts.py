"""Facts about the data of a run, from its method `facts` or from attributes with the names in `LINKED`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from torch import Tensor

from dlcore.translation import N_, _

# Attributes and properties of a data module that set a model's arguments of the same name.
# Marked here for the catalogue, translated where they are counted.
_COUNTED = N_("train"), N_("val"), N_("test"), N_("predict"), N_("batches"), N_("samples"), N_("tokens")
LINKED = ("in_features", "num_classes", "image_shape", "class_names", "vocab_size", "target_mean", "target_std")


def data_facts(data: Any) -> dict[str, Any]:
    """Return the known facts about the data as plain values.

    For a LightningDataModule without `facts`, read its attributes and properties in `LINKED`. Skip None, 0, empty
    values, and properties that raise an error, as many do before ``setup``.
    """
    if hasattr(data, "facts"):
        return dict(data.facts())
    found = {name: plain_value(_offered(data, name)) for name in LINKED}
    return {name: value for name, value in found.items() if value and not callable(value)}


def plain_value(value: Any) -> Any:
    """Convert a value to plain Python types, as a config file stores it: lists, numbers, strings."""
    if isinstance(value, np.ndarray | np.generic | Tensor):
        value = value.tolist()
    if isinstance(value, list | tuple):  # torch.Size too
        return [plain_value(each) for each in value]
    return value


def _offered(data: Any, name: str) -> Any:
    try:
        return getattr(data, name, None)
    except Exception:  # a property that needs setup(): the caller reports what is missing
        return None


def data_words(trainer: Trainer, unit: str = "", named: bool = True) -> str:
    """Describe the data of a training: ``FashionMNIST: 55,000 train, 5,000 val, 10,000 test``.

    For loaders and for a LightningDataModule without `parts`, count batches.

    Args:
        trainer: The trainer.
        unit: What is counted, in the plural (``samples``); empty: left out.
        named: Whether to begin with the name of the data.
    """
    data: Any = getattr(trainer, "datamodule", None)
    name = _("loaders") if data is None else type(data).__name__
    parts: dict[str, float] = {part: len(samples) for part, samples in (getattr(data, "parts", None) or {}).items()}
    batches = {"training": trainer.num_training_batches, "validation": sum(trainer.num_val_batches)}
    counts = parts or {part: count for part, count in batches.items() if count and math.isfinite(count)}
    if not counts:
        return _("{name}, of unknown length").format(name=name)
    count_words = _(", ").join(_("{n:,} {part}").format(n=count, part=_(part)) for part, count in counts.items())
    if counted := unit if parts else "batches":
        count_words = _("{counts} {unit}").format(counts=count_words, unit=_(counted))
    return _("{name}: {counts}").format(name=name, counts=count_words) if named else count_words


def device_words(trainer: Trainer) -> str:
    """Describe where a training runs: ``cuda:0, 8 processes``."""
    if trainer.world_size == 1:
        return f"{trainer.strategy.root_device}"
    return _("{device}, {n} processes").format(device=trainer.strategy.root_device, n=trainer.world_size)
