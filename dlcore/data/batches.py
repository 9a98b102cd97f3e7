"""Batches by arithmetic: the order of an epoch is a function of (seed, epoch), a batch one of (order, k, rank).

Nothing is replayed when a run resumes: epoch and position determine the next batch. Samples are taken from tensors a
whole batch at a time, by an index tensor; no Python runs per sample.

Shapes: N samples of the set, B batch size of a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch visits n samples: a permutation (N,) determined by seed and epoch.

    Args:
        n: Number of samples.
        seed: Seed of the run.
        epoch: Number of the epoch, from 0.
    """
    # Large odd factors separate neighbouring (seed, epoch) pairs; torch uses 32 bits of a seed.
    generator = torch.Generator().manual_seed((seed * 0x9E3779B1 + epoch * 0x85EBCA77 + 1) % 2**32)
    return torch.randperm(n, generator=generator)


def split(n: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Split n samples at random: return the indices of the n - size that stay and of the `size` that are held out.

    Args:
        n: Number of samples.
        size: Number of samples held out.
        seed: Determines the choice.

    Returns:
        Two index tensors (n - size,) and (size,), each in ascending order.
    """
    order = epoch_order(n, seed, epoch=-1)
    return order[size:].sort().values, order[:size].sort().values


class BatchLoader:
    """An iterable over batches, for Lightning instead of a DataLoader.

    Each process takes every `world_size`-th sample of each global batch of B * world_size. So all processes have the
    same number of batches, every sample is visited once for any number of processes, and nothing is padded. The last
    batch is smaller; if it has fewer samples than there are processes, some processes get an empty one.

    Args:
        fetch: Returns the batch of an index tensor (B,).
        indices: The samples to visit (N,).
        batch_size: Samples in a batch of one process (B).
        seed: Shuffles each epoch by (seed, epoch); None visits the samples in the order of `indices`.
        rank: Number of this process.
        world_size: Number of processes.
        drop_last: Leave out a smaller last batch.
        position: Returns where in the run an iteration starts: the epoch, and how many of its batches are done.
            Called when the first batch is fetched; None always starts at epoch 0.
        device: Where `fetch` needs its indices. An epoch's order is copied there once; a copy per batch would wait for
            the GPU.
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
        position: Callable[[], tuple[int, int]] | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.fetch, self.indices, self.batch_size, self.seed = fetch, indices, batch_size, seed
        self.rank, self.world_size, self.drop_last, self.position = rank, world_size, drop_last, position
        self.device = device

    def __len__(self) -> int:
        whole, rest = divmod(len(self.indices), self.batch_size * self.world_size)
        return whole + (rest > 0 and not self.drop_last)

    def order(self, epoch: int) -> Tensor:
        """Return all indices in the order in which an epoch visits them (N,)."""
        if self.seed is None:
            return self.indices
        return self.indices[epoch_order(len(self.indices), self.seed, epoch)]

    def share(self, order: Tensor, k: int) -> Tensor:
        """Return this process's indices (B,) of the k-th batch of an order (N,)."""
        size = self.batch_size * self.world_size
        return order[k * size : (k + 1) * size][self.rank :: self.world_size]

    def __iter__(self) -> Iterator[Any]:
        # A generator: nothing below runs before the first batch is requested; the position is known by then.
        epoch, done = self.position() if self.position else (0, 0)
        order = self.order(epoch).to(self.device)
        for k in range(done, len(self)):
            yield self.fetch(self.share(order, k))

    # Lightning warns about loaders without these two methods when a run resumes within an epoch. There is no state.

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the position in the epoch follows from the trainer's counters."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore nothing."""
