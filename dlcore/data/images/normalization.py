"""Mean and deviation of each channel, to normalise pictures.

Shapes: M files, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from dlcore.errors import ArgumentError

# Of the data that the usual pretrained networks were trained on, scaled to 0 to 1.
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Normalization:
    """Normalisation: pixels, scaled to 0 to 1, minus the mean, divided by the deviation."""

    mean: tuple[float, ...]  # mean of each channel (C)
    std: tuple[float, ...]  # standard deviation of each channel (C), above 0

    def state(self) -> dict[str, list[float]]:
        """Return the state for a checkpoint."""
        return {"mean": list(self.mean), "std": list(self.std)}


def given(value: str | list[list[float]], channels: int) -> Normalization | None:
    """Return the normalisation that an argument gives.

    Args:
        value: ``train`` (known only after decoding), ``none``, ``imagenet`` or [means, deviations].
        channels: Channels of the pictures (C).

    Raises:
        ArgumentError: It is something else, or has not one number per channel.
    """
    if value == "train":
        return None
    if value == "none":
        return Normalization((0.0,) * channels, (1.0,) * channels)
    if value == "imagenet" and channels == 3:
        return Normalization(*_IMAGENET)
    numbers: Any = value
    expected = f"train, none{', imagenet' * (channels == 3)} or [[mean], [std]] of {channels} numbers each"
    remedy = "Pixels count from 0 to 1; a deviation is above 0."
    if isinstance(value, str) or len(numbers) != 2 or any(len(row) != channels for row in numbers):
        raise ArgumentError("normalize", expected, value, remedy)
    mean, std = numbers
    if not all(math.isfinite(number) for number in (*mean, *std)) or min(std) <= 0:
        raise ArgumentError("normalize", expected, value, remedy)
    return Normalization(tuple(mean), tuple(std))


def measured(moments: Tensor, pixels: int) -> Normalization:
    """Return the normalisation that gives pictures mean 0 and deviation 1 in each channel, exact to double precision.

    Args:
        moments: Sum and sum of squares of each channel of each picture (M, 2, C), int64, of pixels 0 to 255.
        pixels: Pixels of a picture.
    """
    total, squares = moments.sum(dim=0).double() / (pixels * len(moments))
    # A channel of one constant value becomes 0: half a grey level is less than any other deviation.
    std = (squares - total**2).clamp(min=0).sqrt().clamp(min=0.5)
    return Normalization(tuple((total / 255).tolist()), tuple((std / 255).tolist()))


@cache
def tensors(normalization: Normalization, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (C,) on a device; cached, since copying them there blocks a GPU."""
    return torch.tensor(normalization.mean, device=device), torch.tensor(normalization.std, device=device)
