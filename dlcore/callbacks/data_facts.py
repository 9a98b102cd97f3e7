"""What a data module knows of its data: dlcore's say it as `facts`, any other has attributes of these names."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

# Names of attributes and properties of a data module that fill a model's arguments of the same name.
LINKED = ("in_features", "num_classes", "image_shape", "class_names", "vocab_size")


def data_facts(data: Any) -> dict[str, Any]:
    """What the data know now, as plain values.

    Of a LightningDataModule without `facts`, its attributes and properties named as in `LINKED`. None, 0 and what is
    empty are not known yet; so is a property that fails, as many do before ``setup``.

    Args:
        data: The data module; None, and what offers nothing, know nothing.
    """
    if hasattr(data, "facts"):
        return dict(data.facts())
    found = {name: plain_value(_offered(data, name)) for name in LINKED}
    return {name: value for name, value in found.items() if value and not callable(value)}


def plain_value(value: Any) -> Any:
    """A value as a config file brings it back: lists, numbers and texts of Python's own."""
    if isinstance(value, np.ndarray | np.generic | Tensor):
        value = value.tolist()
    if isinstance(value, list | tuple):  # torch.Size too
        return [plain_value(each) for each in value]
    return value


def _offered(data: Any, name: str) -> Any:
    try:
        return getattr(data, name, None)
    except Exception:  # a property, which may need what setup() reads: the caller says what is missing
        return None
