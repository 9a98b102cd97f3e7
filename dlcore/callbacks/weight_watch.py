"""Gradients of a network's parameters before an optimiser step, and their change by the step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.callbacks.activation_watch import short_name
from dlcore.tracking.histogram import HistogramTensors, count_histogram


class WeightWatch:
    """Recorder of trained parameters before and after a step, on their device.

    Args:
        model: The network.
        gradients: Whether to record gradients.
        updates: Whether to record the change by the step. This copies the weights before it.
        later: Parameters that are frozen now, and trained later in the run.
    """

    def __init__(
        self, model: nn.Module, gradients: bool = True, updates: bool = True, later: Iterable[nn.Parameter] = ()
    ) -> None:
        self._gradients, self._updates = gradients, updates
        self._kinds = {name: type(module).__name__ for name, module in model.named_modules()}
        watched = {id(each) for each in later}
        named = model.named_parameters()
        self._parameters = {name: each for name, each in named if each.requires_grad or id(each) in watched}
        layers = list(dict.fromkeys(_module(name) for name in self._parameters))
        width = len(str(max(len(layers) - 1, 10)))
        self._numbers = {layer: f"{number:0{width}d}" for number, layer in enumerate(layers)}
        self._before: dict[str, Tensor] = {}
        self._histograms: dict[str, HistogramTensors] = {}
        self._norms: dict[str, Tensor] = {}

    @property
    def has_weights(self) -> bool:
        """Whether the layer table has any rows: there are weights with two dimensions or more."""
        return any(parameter.dim() > 1 for parameter in self._parameters.values())

    @torch.no_grad()
    def before_step(self) -> None:
        """Record the gradients before clipping, and copy the weights."""
        if self._before or self._norms:  # L-BFGS computes gradients several times per step
            return
        for name, parameter in self._parameters.items():
            if not parameter.requires_grad:
                continue
            if parameter.grad is not None and self._gradients:
                counted = count_histogram(parameter.grad)
                self._histograms[self._tag("gradients", name)] = counted
                if parameter.dim() > 1:
                    self._norms[name] = _norm(counted)
            if parameter.dim() > 1 and self._updates:
                self._before[name] = parameter.detach().clone()

    @torch.no_grad()
    def after_step(self) -> tuple[list[dict[str, Any]], dict[str, HistogramTensors]]:
        """Record the weights and their change by the step."""
        rows, histograms = [], self._histograms
        for name, parameter in self._parameters.items():
            counted = count_histogram(parameter)
            histograms[self._tag("biases" if _is_bias(name) else "weights", name)] = counted
            if parameter.dim() < 2:
                continue
            row = _row(counted, parameter)
            row |= {"layer": _layer(name), "kind": self._kinds.get(_module(name), "Parameter")}
            if name in self._norms:
                row["gradient_norm"] = self._norms[name]
                row["not_finite"] = row["not_finite"] + _not_finite(self._histograms[self._tag("gradients", name)])
            if name in self._before:
                change = parameter - self._before[name]
                row["update_ratio"] = change.norm() / self._before[name].norm()
                histograms[self._tag("updates", name)] = count_histogram(change)
            rows.append(row)
        self._before, self._histograms, self._norms = {}, {}, {}
        return rows, histograms

    def _tag(self, what: str, name: str) -> str:
        """Return a TensorBoard tag: ``gradients/02_output_weights``. The number sorts the layers from the input on."""
        part = "" if what in ("weights", "biases") else "_biases" if _is_bias(name) else "_weights"
        return f"{what}/{self._numbers[_module(name)]}_{_layer(name)}{part}"


def _row(counted: HistogramTensors, weight: Tensor) -> dict[str, Any]:
    low, high, total, squares = counted.moments.unbind()
    mean = total / weight.numel()
    row: dict[str, Any] = {
        "weight_norm": _norm(counted),
        "weight_std": (squares / weight.numel() - mean.square()).clamp_min(0).sqrt(),
        "weight_max": torch.maximum(low.abs(), high.abs()),
        "not_finite": _not_finite(counted),
    }
    if len(weight) > 1:
        low, high = weight.detach().flatten(1).aminmax(dim=0)
        row["unit_spread"] = (high - low).max()
    return row


def _norm(counted: HistogramTensors) -> Tensor:
    """Return the norm of the counted values; NaN if not all are finite."""
    norm = counted.moments[3].sqrt()
    return torch.where(_not_finite(counted) > 0, torch.nan, norm)


def _not_finite(counted: HistogramTensors) -> Tensor:
    return counted.slots[-2:].sum()


def _is_bias(name: str) -> bool:
    return "bias" in name.rpartition(".")[2]


def _module(name: str) -> str:
    return name.rpartition(".")[0] or name


def _layer(name: str) -> str:
    """Return a parameter's display name: its layer's, or its own if the name is not ``weight`` or ``bias``."""
    layer, _, own = name.rpartition(".")
    return short_name(layer) if own in ("weight", "bias") and layer else short_name(name)
