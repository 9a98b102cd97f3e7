"""Facts about the data of a run, from its method `facts` or from attributes with the names in `LINKED`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from torch import Tensor

# Attributes and properties of a data module that set a model's arguments of the same name.
LINKED = ("in_features", "num_classes", "image_shape", "class_names", "vocab_size")


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


def data_words(trainer: Trainer, unit: str = "") -> str:
    """Describe the data of a training: ``FashionMNIST: 55,000 train, 5,000 val, 10,000 test``.

    For loaders and for a LightningDataModule without `parts`, count batches.
    """
    data: Any = getattr(trainer, "datamodule", None)
    name = "loaders" if data is None else type(data).__name__
    if parts := getattr(data, "parts", None):
        return f"{name}: {', '.join(f'{len(part):,} {part_name}' for part_name, part in parts.items())} {unit}".rstrip()
    batches = {"training": trainer.num_training_batches, "validation": sum(trainer.num_val_batches)}
    known = [f"{number:,} {word}" for word, number in batches.items() if number and math.isfinite(number)]
    return f"{name}: {', '.join(known)} batches" if known else f"{name}, of unknown length"
