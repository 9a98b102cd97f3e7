"""Fetching of batches from a plain DataLoader over a TensorDataset with one index operation per tensor.

torch's DataLoader reads a TensorDataset sample by sample and stacks the samples, which takes longer than a small
network's training step. Indexing each tensor once gives the same batch. The sampler, its order and its use of random
numbers do not change.
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
    """Fetch the batches of this epoch by index, if the loader allows it."""
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
    """Return the tensors of a loader's dataset and its row indices (None: all); None for another kind of loader."""
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
    """torch's iterator without its profiler record, which takes longer than a small batch."""

    def __next__(self) -> Any:
        untyped: Any = self
        batch = untyped._next_data()
        self._num_yielded += 1
        return batch


class _IndexFetcher:
    """Fetcher that indexes tensors, with the same batches as `default_collate`.

    Args:
        tensors: Tensors of the dataset, each with samples along its first dimension.
        rows: Rows that belong to the dataset; None: all.
    """

    def __init__(self, tensors: Sequence[Tensor], rows: Tensor | None) -> None:
        self._tensors, self._rows = tensors, rows

    def fetch(self, indices: Sequence[int]) -> list[Tensor]:
        """Return the batch: one tensor (N, …) per tensor of the dataset."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        if self._rows is not None:
            index = self._rows[index]
        return [each[index] for each in self._tensors]
