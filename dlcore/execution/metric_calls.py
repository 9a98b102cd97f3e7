"""Metric calls whose value is not used, such as the statement `self.accuracy(scores, labels)`.

`Metric.forward` updates the metric and computes the value of the batch: it copies the states, resets them, updates,
computes, and adds the copies again. If the value is not used, an update alone gives bit-identical states.
"""

from __future__ import annotations

import copy
import dis
import inspect
from types import CodeType
from typing import Any

from torch import Tensor
from torch.nn.modules import module as torch_module
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat, dim_zero_max, dim_zero_min, dim_zero_sum

_POP_TOP, _CACHE = dis.opmap["POP_TOP"], dis.opmap.get("CACHE", 0)
_REDUCTIONS = (dim_zero_sum, dim_zero_cat, dim_zero_max, dim_zero_min)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class MetricCalls:
    """Detector of metric calls whose value is not used. It keeps the last such call of each metric."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}  # by id: a metric's hash reads its states
        self._taken: dict[tuple[CodeType, int], bool] = {}

    def needs_value(self, metric: Metric, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return whether the value of the current call is used. Call only from the replacement of `forward`."""
        hooked = torch_module._global_forward_hooks or any(getattr(metric, name) for name in _HOOKS)
        if self._is_taken() or hooked:
            self._last.pop(id(metric), None)
            return True
        self._last[id(metric)] = tuple(map(_copy, args)), {name: _copy(value) for name, value in kwargs.items()}
        return False

    def compute_last(self, metric: Metric) -> None:
        """Compute the value of the last call, if it was skipped."""
        if id(metric) not in self._last:
            return
        args, kwargs = self._last.pop(id(metric))
        alone = copy.deepcopy(metric)
        alone.reset()
        metric._forward_cache = alone(*args, **kwargs)

    def forget(self) -> None:
        """Drop the stored calls: a step with all hooks computes its values."""
        self._last.clear()

    def _is_taken(self) -> bool:
        """Return whether the caller uses the value: if not, its next instruction is POP_TOP."""
        frame = inspect.currentframe()
        for _ in range(3):  # this method, `needs_value`, the replacement of `forward`
            frame = frame and frame.f_back
        while frame is not None and frame.f_code.co_filename == torch_module.__file__:
            frame = frame.f_back
        if frame is None:
            return True
        key = frame.f_code, frame.f_lasti
        if key not in self._taken:
            rest = frame.f_code.co_code[frame.f_lasti + 2 :: 2]
            self._taken[key] = next((each for each in rest if each != _CACHE), None) != _POP_TOP
        return self._taken[key]


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def can_be_updated_alone(metric: Metric) -> bool:
    """Return whether an update gives the same states as a call: the batch's, merged into the previous ones.

    This is unknown for a metric from outside torchmetrics: a call resets it before its update, and may update it twice.
    """
    own = type(metric).forward is not Metric.forward or "forward" in vars(metric)
    if own or metric.dist_sync_on_step or not type(metric).__module__.startswith("torchmetrics."):
        return False
    return bool(metric._reductions) and all(each in _REDUCTIONS for each in metric._reductions.values())
