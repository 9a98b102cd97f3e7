"""States to which a training can be reset: before a batch, or at the last checkpoint."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torchmetrics import Metric

from dlcore.torch_compat import multiply_rates


class BatchState:
    """State that a forward pass changes: running statistics, metric states, a recurrent network's carried state."""

    def __init__(self, model: LightningModule) -> None:
        self._buffers = [buffer.clone() for buffer in model.buffers()]
        self._sums = [total.clone() for total in _sums(model)]
        self._carried = getattr(model, "carried", ())

    def restore_sums(self, model: LightningModule) -> None:
        """Restore metric states and the carried state."""
        for now, before in zip(_sums(model), self._sums, strict=True):
            now.copy_(before)
        if hasattr(model, "carried"):
            model.carried = self._carried  # type: ignore[assignment]

    def restore_buffers(self, model: LightningModule) -> None:
        """Restore the running statistics. Call only after the batch's backward pass, which uses them."""
        for now, before in zip(model.buffers(), self._buffers, strict=True):
            now.copy_(before)


class WeightState:
    """Copy of weights, running statistics and optimiser state in memory.

    Args:
        trainer: Trainer with the optimisers.
        model: The network.

    Attributes:
        step: Optimiser steps before the copy.
    """

    def __init__(self, trainer: Trainer, model: LightningModule) -> None:
        self.step = trainer.global_step
        self._numbers = [tensor.detach().clone() for tensor in (*model.parameters(), *model.buffers())]
        self._optimizers = [_copied(optimizer.state) for optimizer in trainer.optimizers]

    @torch.no_grad()
    def restore(self, trainer: Trainer, model: LightningModule) -> None:
        """Restore the state. Learning rates and other optimiser settings do not change."""
        for now, kept in zip((*model.parameters(), *model.buffers()), self._numbers, strict=True):
            now.copy_(kept)
        for optimizer, state in zip(trainer.optimizers, self._optimizers, strict=True):
            # In place: other objects reference the optimiser's state and groups.
            optimizer.state.clear()
            optimizer.state.update(_copied(state))


def _copied(state: Mapping[Tensor, Any]) -> dict[Tensor, Any]:
    """Copy an optimiser's state by parameter, without copying the parameters."""
    return {parameter: copy.deepcopy(kept) for parameter, kept in state.items()}


def cut_learning_rate(trainer: Trainer, factor: float) -> tuple[float, float]:
    """Multiply the learning rate, and the rates of the schedule, by a factor."""
    group = trainer.optimizers[0].param_groups[0]
    before = float(group["lr"])
    for optimizer in trainer.optimizers:
        for each in optimizer.param_groups:
            for name in ("lr", "initial_lr"):
                if name in each:
                    each[name] = each[name] * factor
    for config in trainer.lr_scheduler_configs:
        multiply_rates(config.scheduler, factor)
    return before, float(group["lr"])


def _sums(model: LightningModule) -> list[Tensor]:
    metrics = (module for module in model.modules() if isinstance(module, Metric))
    return [state for metric in metrics for state in metric.metric_state.values() if isinstance(state, Tensor)]
