"""Cause and remedy of a loss that is not finite: batch, weights or activations."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from dlcore.torch_compat import leaves

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
    flag = "--model.optimizer.lr " if hasattr(model, "optimizer_factory") else ""  # one of dlcore's models
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
