"""`self.log` without the checks that the first call of the same line has passed already.

`LightningModule.log` takes up to a millisecond: it validates its arguments, looks for the metric's name, builds
metadata and compares them with those of the last call, and moves the result to the device. Only the last part of it,
the update of Lightning's own `_ResultMetric`, changes from call to call. `FastLog` does that part alone, with the same
operations in the same order, so that each value is the same to the bit.
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
    """Takes the place of a module's `log` during an execution.

    A call with new arguments, or with a value that needs more than an update, goes to Lightning's own `log`.

    Args:
        module: The module whose `log` is meant.
        results: The training epoch's results, as Lightning keeps them.
        metrics: The module's metrics, whose states Lightning's own `log` reads.
    """

    def __init__(self, module: LightningModule, results: _ResultCollection, metrics: DeferredMetrics) -> None:
        self._module, self.results, self._metrics = module, results, metrics
        self._log: Callable[..., None] = module.log
        self._known: dict[tuple[str | None, str], tuple[tuple[Any, ...], dict[str, Any], _ResultMetric]] = {}

    def __call__(self, name: str, value: Any, *args: Any, batch_size: int | None = None, **kwargs: Any) -> None:
        """Log a value, as `LightningModule.log` does."""
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
        """Take over the last batch's value of each metric that was logged."""
        for _, _, entry in self._known.values():
            if isinstance(entry.value, Metric):
                entry._forward_cache = entry.value._forward_cache

    def _update(self, entry: _ResultMetric, value: Any, batch_size: int | None) -> bool:
        """Update an entry; False, and nothing done, where Lightning has to do it."""
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
        """The value as a tensor without dimensions; None for what Lightning has to look at."""
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
    """Whether nothing but the entry's own value changes when something is logged."""
    meta = entry.meta
    synchronised = entry.is_tensor and meta.on_step and meta.sync.should  # processes meet in each step
    known = meta.is_mean_reduction or meta.is_sum_reduction or meta.is_max_reduction or meta.is_min_reduction
    return not meta.enable_graph and not synchronised and known
