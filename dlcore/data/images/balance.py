"""Epochs in which each class occurs equally often, however many pictures it has.

Shapes: N samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlcore.data.batches import BatchLoader, epoch_order


class BalancedLoader(BatchLoader):
    """A `BatchLoader` whose epoch of N samples has N/K of each of K classes, to the nearest.

    Pictures of a small class are repeated, each once before any comes again; of a large class, each epoch draws another
    subset. The order is a function of (seed, epoch), as that of any epoch.

    Args:
        loader: A shuffling loader whose samples are balanced.
        classes: The class of each of its samples (N,), in the order of its `indices`.
    """

    def __init__(self, loader: BatchLoader, classes: Tensor) -> None:
        super().__init__(
            loader.fetch,
            loader.indices,
            loader.batch_size,
            loader.seed,
            loader.rank,
            loader.world_size,
            loader.drop_last,
            loader.position,
        )
        self._members = [self.indices[classes == label] for label in classes.unique().tolist()]

    def order(self, epoch: int) -> Tensor:
        """Return the samples of an epoch, some of them repeated (N,)."""
        if self.seed is None:
            return super().order(epoch)
        count, rest = divmod(len(self.indices), len(self._members))
        chosen = []
        for place, members in enumerate(self._members):
            # The classes that get one more sample change with the epoch.
            wanted = count + ((place + epoch) % len(self._members) < rest)
            rounds = -(-wanted // len(members))
            # Each class and round has its own order.
            seeds = (self.seed * 31 + 1_000_003 * (place + 1) + 7_919 * number for number in range(rounds))
            chosen.append(torch.cat([members[epoch_order(len(members), seed, epoch)] for seed in seeds])[:wanted])
        together = torch.cat(chosen)
        return together[epoch_order(len(together), self.seed, epoch)]
