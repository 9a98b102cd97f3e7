"""Facts about a data module's data, from its method `facts` or from attributes with the names in `LINKED`."""

from __future__ import annotations

from typing import Any

import numpy as np
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
