"""Loss that is not finite: its cause and remedy, and the states to which the training can be reset."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR
from torchmetrics import Metric

from dlcore.torch_compat import leaves, multiply_rates

_SMALLER_STEPS = (
    "Try a smaller learning rate ({flag}{lr:.3g}; it was {now:.3g}) or clipped gradients "
    "(--trainer.gradient_clip_val 1)."
)
_OTHER_DATA = (
    "Look at the data: python -m dlcore check, with the same recipe and flags; or leave such batches out: "
    "--non_finite_loss.policy skip."
)


def cause_and_remedy(model: LightningModule, batch: Any, trainer: Trainer) -> tuple[str, str]:
    """Return the cause and the remedy, a sentence each."""
    now = next((float(each.param_groups[0]["lr"]) for each in trainer.optimizers), 0.0)
    cycles = any(isinstance(each.scheduler, OneCycleLR | CyclicLR) for each in trainer.lr_scheduler_configs)
    flag = "--model.lr_scheduler.max_lr " if cycles else "--model.optimizer.lr "
    flag = flag if hasattr(model, "optimizer_factory") else ""  # one of dlcore's models
    smaller_steps = _SMALLER_STEPS.format(now=now, lr=now / 10, flag=flag)
    if lost := parameters_not_finite(model):
        name, count = next(iter(lost.items()))
        others = f" and {len(lost) - 1} more of the network's tensors" if len(lost) > 1 else ""
        text = f"{name}{others} hold{'s' * (not others)} numbers that are not finite ({count:,} in the first): "
        return f"{text}gradients or update of the step before overflowed.", smaller_steps
    parts = batch if isinstance(batch, tuple | list) else [batch]
    for name, part in zip(("inputs", "targets"), parts, strict=False):
        count = sum(_not_finite(leaf) for leaf in leaves(part))
        if count:
            numbers = "1 number that is not finite" if count == 1 else f"{count:,} numbers that are not finite"
            return f"the batch's {name} hold {numbers}.", _OTHER_DATA
    largest = max((parameter.detach().abs().max().item() for parameter in model.parameters()), default=0.0)
    known = "inputs and weights" if batch is not None else "the weights"
    text = f"{known} are finite (largest weight {largest:.3g}), so the numbers within the network grew too large."
    if batch is None:
        text = f"{known} are finite (largest weight {largest:.3g}): the batch is not, or the network's numbers grew."
    return text, smaller_steps


def parameters_not_finite(model: LightningModule) -> dict[str, int]:
    """Return the count of NaN and infinite numbers per parameter; omit parameters without any."""
    named = [(name, parameter.detach()) for name, parameter in model.named_parameters()]
    if not named:
        return {}
    # Read one number from the device if all are finite. A sum of squares could overflow with finite numbers.
    with torch.no_grad():
        total = torch.stack([(parameter * 0).sum().float() for _, parameter in named]).sum()
        if total.isfinite():
            return {}
        return {name: count for name, parameter in named if (count := _not_finite(parameter))}


def _not_finite(value: Any) -> int:
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return int((~value.detach().isfinite()).sum()) if floating else 0


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
