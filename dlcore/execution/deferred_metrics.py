"""Metrics of a module in an execution: their calls without values, and additive updates put together."""

from __future__ import annotations

import copy
import dis
import inspect
from collections.abc import Iterable
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassStatScores
from torchmetrics.utilities.data import dim_zero_cat, dim_zero_max, dim_zero_min, dim_zero_sum

_POP_TOP, _CACHE = dis.opmap["POP_TOP"], dis.opmap.get("CACHE", 0)
_REDUCTIONS = (dim_zero_sum, dim_zero_cat, dim_zero_max, dim_zero_min)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

_READERS = ("compute", "forward", "reset")
_NUMBERS = 65_536  # above this size, the update itself takes longer than its overhead


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


def is_additive(metric: Metric) -> bool:
    """Return whether one update with the samples of several batches equals one update per batch.

    The metric must come from torchmetrics (a user's metric may count its updates), sum integers, and treat each sample
    independently. Binary and multilabel metrics do not: they decide by the batch's extremes whether scores are logits
    or probabilities.
    """
    kinds = (MulticlassStatScores, MulticlassConfusionMatrix)
    if not isinstance(metric, kinds) or not type(metric).__module__.startswith("torchmetrics."):
        return False
    states = [getattr(metric, name) for name in metric._defaults]
    counts = all(isinstance(state, Tensor) and not state.is_floating_point() for state in states)
    return (
        counts and all(reduce is dim_zero_sum for reduce in metric._reductions.values()) and not metric.compute_on_cpu
    )


class DeferredMetrics:
    """Collector of the updates of a module's additive metrics, which runs them together.

    Reading a metric (`compute`, `forward`, `reset`, or a state such as ``metric.tp``) first runs the pending updates,
    so the result is the same as without deferring.
    """

    def __init__(self, module: nn.Module) -> None:
        self._calls = MetricCalls()
        metrics: Iterable[Metric] = (each for each in module.modules() if isinstance(each, Metric))
        self._all = [
            _Deferred(metric, self._calls) if is_additive(metric) else _Called(metric, self._calls)
            for metric in metrics
            if is_additive(metric) or can_be_updated_alone(metric)
        ]

    def start(self) -> None:
        """Start to collect updates."""
        for each in self._all:
            each.start()

    def pause(self) -> None:
        """Run the pending updates, and stop collecting until `start`."""
        for each in self._all:
            each.finish()

    def finish(self, values: bool) -> None:
        """Run the pending updates, and stop collecting.

        Args:
            values: Whether to compute the value of each metric's last batch, because no further step computes it.
        """
        self.pause()
        for each in self._all if values else ():
            self._calls.compute_last(each.metric)
        self._calls.forget()


class _Called:
    """Metric that is updated batch by batch."""

    def __init__(self, metric: Metric, calls: MetricCalls) -> None:
        self.metric, self._calls = metric, calls

    def start(self) -> None:
        metric, forward = self.metric, self.metric.forward

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._calls.needs_value(metric, args, kwargs):
                return forward(*args, **kwargs)
            return metric.update(*args, **kwargs)

        vars(metric)["forward"] = call

    def finish(self) -> None:
        vars(self.metric).pop("forward", None)


class _Deferred:
    """Metric whose updates are deferred."""

    def __init__(self, metric: Metric, calls: MetricCalls) -> None:
        self.metric, self._calls = metric, calls
        self._batches: list[tuple[Any, ...]] = []  # names of the arguments, and their values
        self._active = False
        self._update: Any = metric.update
        # Subclass that runs the pending updates when a state is read.
        self._class = type(metric)
        self._states: dict[str, Any] = {}
        self._own: dict[str, Any] = {}
        self._lazy_class = type(
            self._class.__name__, (self._class,), {"__getattr__": lambda _, name: self._missing(name)}
        )

    def start(self) -> None:
        metric = self.metric
        self._update, self._active = metric.update, True
        own = vars(metric)
        self._states = {name: own.pop(name) for name in metric._defaults if name in own}
        self._own = {name: own[name] for name in _READERS if name in own}
        own["update"] = self._collect
        for name in _READERS:
            own[name] = self._first(name)
        object.__setattr__(metric, "__class__", self._lazy_class)

    def finish(self) -> None:
        if not self._active:
            return
        self._active = False
        metric, own = self.metric, vars(self.metric)
        object.__setattr__(metric, "__class__", self._class)
        for name in _READERS:
            own.pop(name)
        own.update(self._own)
        own["update"] = self._update
        own.update(self._states)
        batches, self._batches, self._states = self._batches, [], {}
        for names, *values in _put_together(batches):
            by_place = names.count("")
            self._update(*values[:by_place], **dict(zip(names[by_place:], values[by_place:], strict=True)))

    def _collect(self, *args: Any, **kwargs: Any) -> None:
        values = (*args, *kwargs.values())
        names = ("",) * len(args) + tuple(kwargs)
        if not all(isinstance(value, Tensor) and value.ndim and value.numel() <= _NUMBERS for value in values):
            self.finish()
            self._update(*args, **kwargs)
            self.start()
            return
        # Copy: the module may change its tensors in place after the update.
        self._batches.append((names, *(value.detach().clone() for value in values)))

    def _first(self, name: str) -> Any:
        """Wrap a method so that it runs the pending updates first."""

        def method(*args: Any, **kwargs: Any) -> Any:
            if name == "forward" and not self._calls.needs_value(self.metric, args, kwargs):
                return self.metric.update(*args, **kwargs)
            self.finish()
            try:
                return getattr(self.metric, name)(*args, **kwargs)
            finally:
                self.start()

        return method

    def _missing(self, name: str) -> Any:
        """Handle a read of ``metric.name`` if the instance has no such attribute: run pending updates for a state."""
        if name not in self._states:
            return self._class.__getattr__(self.metric, name)
        # A state is read: update the metric batch by batch until the end of the execution.
        self.finish()
        self._calls.compute_last(self.metric)
        return getattr(self.metric, name)


def _put_together(batches: list[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """Concatenate the batches if names, shapes, dtypes and devices match."""
    kinds = {(names, *((value.shape[1:], value.dtype, value.device) for value in values)) for names, *values in batches}
    if len(kinds) > 1 or len(batches) <= 1:
        return batches
    names = batches[0][0]
    return [(names, *(torch.cat(column) for column in list(zip(*batches, strict=True))[1:]))]
