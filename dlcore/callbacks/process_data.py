"""Comparison of the first training batches of several processes: other inputs, other classes, or the same samples.

Shapes: R rows (samples), K classes, P processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from dlcore.callbacks.metric_callback import say
from dlcore.errors import never_fatal
from dlcore.processes import of_all_processes
from dlcore.translation import _

_BATCHES = 8  # of each process that are compared, at most
_ROWS, _CLASSES = 128, 100  # of each process, at most
_LEAST = 16  # rows for a comparison
_CHANCE = 1e-6  # probability of such a difference by chance, at most
_APART, _RATIO = 0.5, 2.0  # of the means, in standard deviations; of the standard deviations
_OTHER_SHARES = 0.3  # total variation distance of the classes' shares


@dataclass(frozen=True)
class ProcessSample:
    """Summary of a process's first training samples.

    Args:
        digests: Numbers that are equal only for equal first batches: of the inputs, and of their classes; NaN if
            unknown.
        means: Mean of each row's inputs (R,).
        stds: Standard deviation of each row's inputs (R,).
        classes: Samples of each class (K,).
    """

    digests: np.ndarray
    means: np.ndarray
    stds: np.ndarray
    classes: np.ndarray

    def pack(self) -> np.ndarray:
        """Return all numbers in one array of a fixed length."""
        padded = [np.pad(each, (0, _ROWS - len(each)), constant_values=np.nan) for each in (self.means, self.stds)]
        return np.concatenate([self.digests, *padded, self.classes])

    @classmethod
    def unpack(cls, numbers: np.ndarray) -> ProcessSample:
        """Return the sample of packed numbers."""
        digests, means, stds, classes = np.split(numbers, [2, 2 + _ROWS, 2 + 2 * _ROWS])
        there = np.isfinite(means) & np.isfinite(stds)
        return cls(digests, means[there], stds[there], classes)


class ProcessData:
    """Collector of the first batches, which compares them with those of the other processes, once.

    Args:
        trainer: The trainer. Nothing is collected unless each of several processes has its own part of the data.
    """

    def __init__(self, trainer: Trainer) -> None:
        shares: Any = getattr(trainer.strategy, "distributed_sampler_kwargs", None) or {}
        self.is_open = trainer.world_size > 1 and shares.get("num_replicas") == trainer.world_size
        self._batches: list[Any] = []
        self._left: int | None = None  # batches to collect

    def add(self, trainer: Trainer, model: LightningModule, batch: Any, batch_idx: int) -> dict[str, Any]:
        """Collect a batch; with the last one, compare. All processes must call it for each batch while it is open.

        Returns:
            What differs (`compare`), in all processes; empty before the last batch, or if all is well.
        """
        if self._left is None:
            own = torch.tensor(float(min(trainer.num_training_batches - batch_idx, _BATCHES)))
            self._left = max(int(min(of_all_processes(trainer, own, model.device))), 1)
            self._rows = -(-_ROWS // self._left)
        pair: tuple[Tensor | None, Tensor | None] = None, None
        with suppress(Exception):  # a batch of an unknown kind: the others wait for this process's numbers
            pair = _first_two(batch, self._rows if self._batches else None)
        self._batches.append(pair)
        self._left -= 1
        if self._left:
            return {}
        self.is_open = False
        numbers = np.full(2 + 2 * _ROWS + _CLASSES, np.nan)
        with suppress(Exception):
            numbers = sample_of(self._batches, self._rows).pack()
        self._batches = []
        gathered = of_all_processes(trainer, torch.from_numpy(numbers), model.device)
        with never_fatal("the comparison of the processes' data", partial(say, trainer)):
            return compare([ProcessSample.unpack(each.numpy()) for each in gathered])
        return {}


def sample_of(batches: Sequence[tuple[Tensor | None, Tensor | None]], rows: int = _ROWS) -> ProcessSample:
    """Summarise batches of inputs (N, *) and targets; targets that are no class indices (N,) are not counted."""
    means, stds, classes = [], [], np.zeros(_CLASSES)
    first, targets = batches[0]
    digests = np.array(
        [_digest(None if first is None else first[:_LEAST]), _digest(targets) if _are_labels(targets) else np.nan]
    )
    for inputs, labels in batches:
        if inputs is not None and (inputs.is_floating_point() or inputs.dtype == torch.uint8):
            some = inputs[:rows].detach().flatten(1).double()
            means += some.mean(1).tolist()
            stds += some.std(1, correction=0).tolist()
        if labels is not None and labels.dim() == 1 and not labels.is_floating_point():
            known = labels[(labels >= 0) & (labels < _CLASSES)].long()
            classes += torch.bincount(known, minlength=_CLASSES).double().cpu().numpy()
    return ProcessSample(digests, np.array(means[:_ROWS]), np.array(stds[:_ROWS]), classes)


def compare(samples: Sequence[ProcessSample]) -> dict[str, Any]:
    """Compare the samples of P processes.

    Returns:
        Plain values; what does not apply is left out.

        - ``same``: processes whose first batch is that of another process.
        - ``inputs``: the process whose inputs differ most, ``{"process", "mean", "std", "others_mean", "others_std"}``.
        - ``classes``: the process whose classes differ most, ``{"process", "class", "share", "others_share"}``, with
          the class whose share differs most.
    """
    digests = np.stack([each.digests for each in samples])
    alike = (digests[:, None] == digests[None]).any(-1) & ~np.eye(len(samples), dtype=bool)
    found: dict[str, Any] = {}
    if alike.any():
        found["same"] = np.flatnonzero(alike.any(1)).tolist()
    if inputs := max(_unlike_inputs(samples), key=lambda each: each[0], default=None):
        found["inputs"] = inputs[1]
    if classes := max(_unlike_classes(samples), key=lambda each: each[0], default=None):
        found["classes"] = classes[1]
    return found


def _unlike_inputs(samples: Sequence[ProcessSample]) -> list[tuple[float, dict[str, Any]]]:
    from scipy.stats import ks_2samp  # only runs of several processes need it

    found = []
    for process, own, others in _one_and_others(samples):
        means, stds = (np.concatenate([getattr(each, name) for each in others]) for name in ("means", "stds"))
        if min(len(own.means), len(means)) < _LEAST:
            continue
        (mean, std), (other, spread) = _moments(own.means, own.stds), _moments(means, stds)
        apart, ratio = abs(mean - other) / max(spread, 1e-12), (std + 1e-12) / (spread + 1e-12)
        if apart > _APART or max(ratio, 1 / ratio) > _RATIO:
            chance = min(ks_2samp(own.means, means).pvalue, ks_2samp(own.stds, stds).pvalue)
            if chance < _CHANCE:
                numbers = {"mean": mean, "std": std, "others_mean": other, "others_std": spread}
                found.append((apart + abs(np.log(ratio)), {"process": process, **numbers}))
    return found


def _unlike_classes(samples: Sequence[ProcessSample]) -> list[tuple[float, dict[str, Any]]]:
    from scipy.stats import chi2_contingency

    found = []
    for process, own, others in _one_and_others(samples):
        table = np.nan_to_num(np.stack([own.classes, np.sum([each.classes for each in others], 0)]))
        if table.sum(1).min() < _LEAST:
            continue
        shares = table / table.sum(1, keepdims=True)
        distance = abs(shares[0] - shares[1]).sum() / 2
        if distance > _OTHER_SHARES and chi2_contingency(table[:, table.sum(0) > 0]).pvalue < _CHANCE:
            most = int(abs(shares[0] - shares[1]).argmax())
            numbers = {"class": most, "share": shares[0, most], "others_share": shares[1, most]}
            found.append((distance, {"process": process, **numbers}))
    return found


def _one_and_others(samples: Sequence[ProcessSample]) -> list[tuple[int, ProcessSample, list[ProcessSample]]]:
    return [(n, each, [*samples[:n], *samples[n + 1 :]]) for n, each in reversed(list(enumerate(samples)))]


def _moments(means: np.ndarray, stds: np.ndarray) -> tuple[float, float]:
    return float(means.mean()), float(np.sqrt(np.mean(stds**2) + means.var()))


def _first_two(batch: Any, rows: int | None) -> tuple[Tensor | None, Tensor | None]:
    """Return a batch's inputs and targets, the first rows of them; None for what is no tensor of samples."""
    parts = (
        list(batch.values()) if isinstance(batch, Mapping) else batch if isinstance(batch, tuple | list) else [batch]
    )
    tensors = [each if isinstance(each, Tensor) and each.dim() else None for each in [*parts, None, None][:2]]
    inputs, targets = (None if each is None else each[:rows].detach() for each in tensors)
    return inputs, targets


def _digest(values: Tensor | None) -> float:
    """Return a number that only equal values have; NaN if there are fewer than two rows, or all values are alike."""
    numbers = None if values is None or len(values) < 2 else values.float().contiguous()
    if numbers is None or not numbers.amax() > numbers.amin():
        return np.nan
    digest = hashlib.sha256(numbers.cpu().numpy().tobytes()).digest()
    return float(int.from_bytes(digest[:6], "big"))


def _are_labels(targets: Tensor | None) -> bool:
    """Return whether the order of class indices is like a fingerprint: there are many, of several classes."""
    if targets is None or targets.dim() != 1 or targets.is_floating_point() or len(targets) < _LEAST:
        return False
    return bool(targets.unique(return_counts=True)[1].max() < 0.8 * len(targets))


def in_words(found: dict[str, Any]) -> str:
    """Describe what differs (`compare`), in one line."""
    if "same" in found:
        text = _("Processes {names} train on the same samples: each needs its own part of the data.")
        return text.format(names=_(", ").join(map(str, found["same"])))
    what = _("inputs of another mean or scale") if "inputs" in found else _("other shares of the classes")
    text = _("Process {n} has {what} than the other processes: each should have a random part of the same data.")
    return text.format(n=(found.get("inputs") or found["classes"])["process"], what=what)
