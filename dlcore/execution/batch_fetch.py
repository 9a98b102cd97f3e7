"""Batches of a plain DataLoader over a TensorDataset, taken by index in one operation.

torch's DataLoader asks a TensorDataset for one sample after the other and stacks them again, which takes longer than a
small network's training step. The same batch is one indexing of each tensor. The sampler, its order and its use of
random numbers stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.loops.fetchers import _DataFetcher
from torch import Tensor
from torch.utils.data import Subset, TensorDataset, default_collate
from torch.utils.data.dataloader import _SingleProcessDataLoaderIter


def fetch_by_index(data_fetcher: _DataFetcher) -> bool:
    """Let the epoch at hand take its batches by index, where its loader is of that kind.

    Args:
        data_fetcher: Where Lightning takes the epoch's batches from, with its iterator made.

    Returns:
        Whether it does.
    """
    iterator = getattr(data_fetcher.iterator, "_iterator", None)
    found = [each for each in getattr(iterator, "iterators", ()) if type(each) is _SingleProcessDataLoaderIter]
    done = False
    for each in found:
        tensors = _tensors(each)
        if tensors is not None:
            each._dataset_fetcher = _IndexFetcher(*tensors)
            each.__class__ = _IndexIterator
            done = True
    return done


def _tensors(iterator: _SingleProcessDataLoaderIter) -> tuple[Sequence[Tensor], Tensor | None] | None:
    """The tensors of a loader's dataset, and which of their rows it has (None: all); None for another kind."""
    fetcher: Any = iterator._dataset_fetcher
    if fetcher.collate_fn is not default_collate or not fetcher.auto_collation:
        return None
    dataset: Any = fetcher.dataset
    rows = None
    if type(dataset) is Subset:
        dataset, rows = dataset.dataset, torch.as_tensor(dataset.indices, dtype=torch.int64)
    if type(dataset) is not TensorDataset or any(each.requires_grad for each in dataset.tensors):
        return None
    return dataset.tensors, rows


class _IndexIterator(_SingleProcessDataLoaderIter):
    """torch's own iterator without its mark for the profiler, which takes longer than a small batch."""

    def __next__(self) -> Any:
        batch = self._next_data()
        self._num_yielded += 1
        return batch


class _IndexFetcher:
    """Makes a batch from the indices of its samples, as `default_collate` makes it from the samples.

    Args:
        tensors: Of the dataset, each with the samples along its first dimension.
        rows: Which rows belong to the dataset; None: all.
    """

    def __init__(self, tensors: Sequence[Tensor], rows: Tensor | None) -> None:
        self._tensors, self._rows = tensors, rows

    def fetch(self, indices: Sequence[int]) -> list[Tensor]:
        """The batch: one tensor (N, …) for each of the dataset."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        if self._rows is not None:
            index = self._rows[index]
        return [each[index] for each in self._tensors]
