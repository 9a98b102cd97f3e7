"""`self.log` without the checks that the first call with the same arguments has already passed.

`LightningModule.log` takes up to a millisecond: it validates its arguments, finds the metric's name, builds metadata,
compares them with those of the last call, and moves the result to the device. Only the last part, the update of
Lightning's `_ResultMetric`, differs between calls. `FastLog` runs only that part, with the same operations in the same
order, so that each value is bit-identical.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.connectors.logger_connector.result import (
    _get_default_dtype,
    _ResultCollection,
    _ResultMetric,
)
from torch import Tensor
from torchmetrics import Metric

from dlcore.execution.deferred_metrics import DeferredMetrics

_FLOATS = (torch.float32, torch.float64)


class FastLog:
    """Replacement for a module's `log` during an execution.

    It calls Lightning's `log` for new arguments, and for a value that needs more than an update.
    """

    def __init__(self, module: LightningModule, results: _ResultCollection, metrics: DeferredMetrics) -> None:
        self._module, self.results, self._metrics = module, results, metrics
        self._log: Callable[..., None] = module.log
        self._known: dict[tuple[str | None, str], tuple[tuple[Any, ...], dict[str, Any], _ResultMetric]] = {}

    def __call__(self, name: str, value: Any, *args: Any, batch_size: int | None = None, **kwargs: Any) -> None:
        """Log a value like `LightningModule.log`."""
        key = (self._module._current_fx_name, name)
        known = self._known.get(key)
        if known is not None and known[0] == args and known[1] == kwargs and self._update(known[2], value, batch_size):
            return
        if isinstance(value, Metric):
            self._metrics.pause()
        self._log(name, value, *args, batch_size=batch_size, **kwargs)
        if isinstance(value, Metric):
            self._metrics.start()
        entry = self.results.get(f"{key[0]}.{name}")
        if entry is not None and not args and _is_plain(entry):
            self._known[key] = (args, kwargs, entry)

    def take_values_of_metrics(self) -> None:
        """Store the last batch's value of each logged metric in its entry."""
        for _, _, entry in self._known.values():
            if isinstance(entry.value, Metric):
                entry._forward_cache = entry.value._forward_cache

    def _update(self, entry: _ResultMetric, value: Any, batch_size: int | None) -> bool:
        """Update an entry; return False and do nothing if Lightning's `log` must handle the value."""
        if isinstance(value, Metric):
            if entry.is_tensor:
                return False
            entry.value = value
            entry._forward_cache = value._forward_cache
        else:
            tensor = self._as_tensor(value, entry)
            if tensor is None:
                return False
            meta = entry.meta
            if meta.on_step:
                entry._forward_cache = tensor.clone()
            if not meta.on_epoch:
                entry.value = entry._forward_cache
            elif meta.is_mean_reduction:
                size = self.results._extract_batch_size(entry, batch_size, meta)
                entry.value = entry.value + tensor * size
                entry.cumulated_batch_size = entry.cumulated_batch_size + size
            elif meta.is_sum_reduction:
                entry.value = entry.value + tensor
            else:
                entry.value = meta.reduce_fx(entry.value, tensor)
        entry._computed = None
        entry._update_count += 1
        entry.has_reset = False
        return True

    def _as_tensor(self, value: Any, entry: _ResultMetric) -> Tensor | None:
        """Return the value as a scalar tensor; None if Lightning's `log` must handle it."""
        if not entry.is_tensor:
            return None
        if isinstance(value, Tensor):
            if value.dtype not in _FLOATS or value.numel() != 1 or value.device != entry.value.device:
                return None
            return value.detach().squeeze() if value.ndim or value.requires_grad else value
        if isinstance(value, numbers.Number):
            return torch.tensor(value, device=entry.value.device, dtype=_get_default_dtype())
        return None


def _is_plain(entry: _ResultMetric) -> bool:
    """Return whether logging changes only the entry's own value."""
    meta = entry.meta
    synchronised = entry.is_tensor and meta.on_step and meta.sync.should  # synchronises processes in each step
    known = meta.is_mean_reduction or meta.is_sum_reduction or meta.is_max_reduction or meta.is_min_reduction
    return not meta.enable_graph and not synchronised and known
