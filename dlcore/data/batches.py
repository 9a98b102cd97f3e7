"""Batches by arithmetic: the order of an epoch is a function of (seed, epoch), a batch one of (order, k, rank).

Samples are taken from tensors a whole batch at a time, by an index tensor; no Python runs per sample.

Shapes: N samples of the set, B batch size of a process, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from dlcore.data.resumable_data import Position, ResumableLoader


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch (from 0) visits n samples: a permutation (N,) determined by seed and epoch."""
    # Large odd factors separate neighbouring (seed, epoch) pairs; torch uses 32 bits of a seed.
    generator = torch.Generator().manual_seed((seed * 0x9E3779B1 + epoch * 0x85EBCA77 + 1) % 2**32)
    return torch.randperm(n, generator=generator)


def split(n: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Split n samples at random: return the indices of the n - size that stay and of the `size` that are held out.

    Both index tensors, (n - size,) and (size,), are in ascending order.
    """
    order = epoch_order(n, seed, epoch=-1)
    return order[size:].sort().values, order[:size].sort().values


def balanced(indices: Tensor, classes: Tensor, seed: int, epoch: int) -> Tensor:
    """Choose samples of an epoch (N,), so that each of K classes (N,) occurs N/K times, to the nearest.

    Samples of a small class are repeated, each once before any comes again; of a large class, each epoch draws another
    subset.
    """
    sizes = torch.bincount(classes)
    members = torch.split(indices[classes.argsort(stable=True)], sizes[sizes > 0].tolist())
    count, rest = divmod(len(indices), len(members))
    chosen = []
    for place, own in enumerate(members):
        # The classes that get one more sample change with the epoch.
        wanted = count + ((place + epoch) % len(members) < rest)
        # Each class and round has its own order.
        seeds = (seed * 31 + 1_000_003 * (place + 1) + 7_919 * number for number in range(-(-wanted // len(own))))
        chosen.append(torch.cat([own[epoch_order(len(own), each, epoch)] for each in seeds])[:wanted])
    return torch.cat(chosen)


class BatchLoader(ResumableLoader):
    """Batches of samples.

    Each process takes every `world_size`-th sample of each global batch of B * world_size. So all processes have the
    same number of batches, every sample is visited once for any number of processes, and nothing is padded. The last
    batch is smaller; if it has fewer samples than there are processes, some processes get an empty one.

    Args:
        fetch: Returns the batch of an index tensor (B,).
        indices: The samples to visit (N,).
        batch_size: Samples in a batch of one process (B).
        seed: Shuffles each epoch by (seed, epoch); None visits the samples in the order of `indices`.
        rank: As world_size and position, see `ResumableLoader`.
        world_size: Number of processes.
        drop_last: Leave out a smaller last batch.
        position: Where in the run an iteration starts.
        device: Where `fetch` needs its indices: an order is copied there once; a copy per batch would wait for the GPU.
        classes: The class of each sample (N,), if each must occur equally often in a shuffled epoch.
    """

    def __init__(
        self,
        fetch: Callable[[Tensor], Any],
        indices: Tensor,
        batch_size: int,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = False,
        position: Position | None = None,
        device: torch.device | None = None,
        classes: Tensor | None = None,
    ) -> None:
        super().__init__(rank, world_size, position)
        self.fetch, self.indices, self.batch_size, self.seed = fetch, indices, batch_size, seed
        self.drop_last, self.device, self.classes = drop_last, device, classes

    def __len__(self) -> int:
        whole, rest = divmod(len(self.indices), self.batch_size * self.world_size)
        return whole + (rest > 0 and not self.drop_last)

    def order(self, epoch: int) -> Tensor:
        """Return all indices in the order in which an epoch visits them (N,)."""
        if self.seed is None:
            return self.indices
        chosen = self.indices if self.classes is None else balanced(self.indices, self.classes, self.seed, epoch)
        return chosen[epoch_order(len(chosen), self.seed, epoch)]

    def share(self, order: Tensor, k: int) -> Tensor:
        """Return this process's indices (B,) of the k-th batch of an order (N,)."""
        size = self.batch_size * self.world_size
        return order[k * size : (k + 1) * size][self.rank :: self.world_size]

    def batches(self, epoch: int, first: int) -> Iterator[Any]:
        """Yield the batches of an epoch, from index `first` on."""
        order = self.order(epoch).to(self.device)
        for k in range(first, len(self)):
            yield self.fetch(self.share(order, k))
