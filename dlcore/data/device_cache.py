"""Samples that stay on the GPU if they fit: batches are gathered there, and only indices are copied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor

if TYPE_CHECKING:
    from dlcore.data.array_data import Split

_SHARE = 0.25  # of the free memory; the rest is the network's


class Residence:
    """Copies of parts on a device. Parts that share their samples share the copy.

    Args:
        device: The device where samples are needed.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._free, self._said = 0, False
        if device.type == "cuda":
            self._free = int(torch.cuda.mem_get_info(device)[0] * _SHARE)
        self._copies: dict[int, tuple[Tensor, Tensor]] = {}  # by id of the samples; the originals stay alive with it

    def take(self, part: Split) -> Split:
        """Return the part with its samples on the device; the part itself on a CPU, or if they do not fit."""
        copy = self._copies.get(id(part.inputs))
        if copy is None:
            size = part.inputs.nbytes
            if size > self._free:
                self._say_left_out(size)
                return part
            self._free -= size
            copy = part.inputs, part.inputs.to(self.device)
            self._copies[id(part.inputs)] = copy
        return replace(part, inputs=copy[1], targets=part.targets.to(self.device))

    def _say_left_out(self, size: int) -> None:
        if self.device.type in ("cpu", "mps") or self._said:  # Apple's GPUs share the computer's memory
            return
        self._said = True
        rank_zero_only(print)(
            f"data: {size / 1e9:.2f} GB of samples stay in the computer's memory and travel a batch at a time: on the "
            f"device {self._free / 1e9:.2f} GB were left for them."
        )
