"""Batches of padded rows, each cut to its longest row; training batches are of rows of similar length.

Shapes: N samples, B batch size of a process, T tokens of the longest row, L tokens of a batch's longest row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from dlcore.data.batches import BatchLoader, epoch_order

_TOGETHER = 50  # batches among which rows are sorted by length


class PaddedBatches(BatchLoader):
    """Batches of rows, each with as many tokens as its longest row over all processes.

    In a shuffled epoch, the rows of each 50 batches are sorted by length, and the batches are shuffled again: so little
    padding is computed. The order still follows from (seed, epoch). The widths of batches are known before: nothing
    waits for a device.

    Args:
        lengths: Number of tokens of every sample that an index may name (M,), on the CPU.
        arguments: As for `BatchLoader`; its fetch returns rows (B, T) first.
        options: Likewise.
    """

    def __init__(self, lengths: Tensor, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lengths = lengths

    def order(self, epoch: int) -> Tensor:
        """Return all indices in the order in which an epoch visits them (N,)."""
        order = super().order(epoch)
        if self.seed is None:
            return order
        size = self.batch_size * self.world_size
        whole = len(order) // size
        head, rest = order[: whole * size], order[whole * size :]  # the smaller last batch is of any length
        group = torch.arange(len(head)) // (size * _TOGETHER)
        by_length = (group * (int(self.lengths.max()) + 1) + self.lengths[head]).argsort(stable=True)
        batches = head[by_length].view(whole, size)[epoch_order(whole, self.seed + 1, epoch)]
        return torch.cat([batches.flatten(), rest])

    def batches(self, epoch: int, first: int) -> Iterator[Any]:
        """Yield the batches of an epoch, from index `first` on."""
        order = self.order(epoch)
        size = self.batch_size * self.world_size
        widths = [max(1, int(self.lengths[rows].max())) for rows in order.split(size)]
        order = order.to(self.device)
        for k in range(first, len(self)):
            rows, *others = self.fetch(self.share(order, k))
            yield rows[:, : widths[k]], *others
