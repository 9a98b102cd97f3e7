"""Samples drawn from a whole set, where its first batches may be of one class; the classes of a batch.

Shapes: N samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from dlcore.data.array_data import ArrayData
from dlcore.insight.preflight.case import Case
from dlcore.insight.short_training import tensors_of

# Take samples or batches until one of these limits is reached.
_SAMPLES, _BATCHES, _NUMBERS, _SECONDS = 1024, 64, 20_000_000, 2.0
_TARGETS = ("labels", "label", "targets", "target", "y")  # usual names in a batch that is a dictionary


def drawn_samples(case: Case, part: str) -> list[Any]:
    """Return samples drawn at random from a set, as batches of its loader before the transfer to the device.

    They are not augmented if the data are dlcore's. If single samples cannot be drawn, return the first batches.

    Args:
        case: The recipe's objects.
        part: ``train`` or ``val``.
    """
    data = case.datamodule
    if isinstance(data, ArrayData):
        split = data.parts[part]
        size = max(1, _NUMBERS // max(split.inputs[:1].numel(), 1))
        return [split.fetch(split.indices[_some(len(split))[:size]])]
    loader = case.loader if part == "train" else data.val_dataloader()
    while isinstance(loader, list | tuple) and loader:
        loader = loader[0]
    dataset: Any = getattr(loader, "dataset", None)
    if isinstance(loader, DataLoader) and loader.batch_sampler is not None and not isinstance(dataset, IterableDataset):
        try:
            return [loader.collate_fn(_first(map(dataset.__getitem__, _some(len(dataset)).tolist()), _SAMPLES))]
        except Exception:  # a dataset of the user's own may be read by its workers only
            pass
    return first_batches(loader)


def classes_of_set(case: Case, part: str, drawn: list[Any]) -> Tensor | None:
    """Return the classes of a set in memory, else of samples drawn from it (N,); None if there are no class indices."""
    if isinstance(case.datamodule, ArrayData):
        split = case.datamodule.parts[part]
        return classes_of((split.inputs, split.targets[split.indices]))
    return joined(drawn)


def first_batches(loader: Iterable[Any]) -> list[Any]:
    """Return the first batches of a loader."""
    return _first(loader, _BATCHES)


def _some(count: int) -> Tensor:
    """Return indices of a set: all, or some drawn at random."""
    if count <= _SAMPLES:
        return torch.arange(count)
    return torch.randint(count, (_SAMPLES,), generator=torch.Generator().manual_seed(0))


def _first(parts: Iterable[Any], most: int) -> list[Any]:
    found: list[Any] = []
    numbers, begun = 0, time.monotonic()
    for part in parts:
        found.append(part)
        numbers += sum(tensor.numel() for _, tensor in tensors_of(part))
        if len(found) >= most or numbers >= _NUMBERS or time.monotonic() - begun > _SECONDS:
            break
    return found


def classes_of(batch: Any) -> Tensor | None:
    """Return the classes (N,) of a batch of inputs and targets; None if the targets are no class indices."""
    targets: Any = None
    if isinstance(batch, Mapping):
        targets = next((batch[name] for name in _TARGETS if name in batch), None)
    elif isinstance(batch, list | tuple) and len(batch) == 2:
        targets = batch[1]
    if not isinstance(targets, Tensor):
        return None
    if targets.dim() == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    zero_or_one = bool(((targets == 0) | (targets == 1)).all())  # as binary cross-entropy takes them
    if targets.dim() != 1 or (targets.is_floating_point() and not zero_or_one):
        return None
    classes: Tensor = targets.long().cpu()
    return classes


def joined(batches: Iterable[Any], read: Callable[[Any], Tensor | None] = classes_of) -> Tensor | None:
    """Return what is read from all batches, as one tensor; None if there is nothing to read."""
    found = [read(batch) for batch in batches]
    known = [each for each in found if each is not None]
    return torch.cat(known) if known and len(known) == len(found) else None
