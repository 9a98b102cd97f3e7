"""What a training can be put back to: the state before a batch, or before all that happened since a checkpoint."""

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
    """What a forward pass changes: running statistics, what was added up, what a recurrent network carries on.

    Args:
        model: The network, of which it is kept.
    """

    def __init__(self, model: LightningModule) -> None:
        self._buffers = [buffer.clone() for buffer in model.buffers()]
        self._sums = [total.clone() for total in _sums(model)]
        self._carried = getattr(model, "carried", ())

    def restore_sums(self, model: LightningModule) -> None:
        """Take the batch out of what was added up and carried on."""
        for now, before in zip(_sums(model), self._sums, strict=True):
            now.copy_(before)
        if hasattr(model, "carried"):
            model.carried = self._carried  # type: ignore[assignment]

    def restore_buffers(self, model: LightningModule) -> None:
        """Take the batch out of the running statistics; not before its backward pass has used them."""
        for now, before in zip(model.buffers(), self._buffers, strict=True):
            now.copy_(before)


class WeightState:
    """Weights, running statistics and the optimiser's state, in memory.

    Args:
        trainer: Whose optimisers are meant.
        model: The network.

    Attributes:
        step: The optimiser steps after which it was kept.
    """

    def __init__(self, trainer: Trainer, model: LightningModule) -> None:
        self.step = trainer.global_step
        self._numbers = [tensor.detach().clone() for tensor in (*model.parameters(), *model.buffers())]
        self._optimizers = [_copied(optimizer.state) for optimizer in trainer.optimizers]

    @torch.no_grad()
    def restore(self, trainer: Trainer, model: LightningModule) -> None:
        """Put it back. Learning rates and other settings of the optimisers stay as they are."""
        for now, kept in zip((*model.parameters(), *model.buffers()), self._numbers, strict=True):
            now.copy_(kept)
        for optimizer, state in zip(trainer.optimizers, self._optimizers, strict=True):
            # In place: others hold references to the optimiser's state and groups.
            optimizer.state.clear()
            optimizer.state.update(_copied(state))


def _copied(state: Mapping[Tensor, Any]) -> dict[Tensor, Any]:
    """An optimiser's state by parameter, copied; the parameters are the same."""
    return {parameter: copy.deepcopy(kept) for parameter, kept in state.items()}


def cut_learning_rate(trainer: Trainer, factor: float) -> tuple[float, float]:
    """Multiply the learning rate, and what the schedule will make of it, by a factor.

    Returns:
        The rate of the first group of parameters, before and after.
    """
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
