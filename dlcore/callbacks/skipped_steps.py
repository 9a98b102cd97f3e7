"""Count of the optimiser steps that a gradient scaler (precision 16-mixed) skips, because gradients are not finite."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.optim import Optimizer


class SkippedSteps:
    """Counter of skipped steps, from the optimisers' own hooks: it does not synchronise with a GPU in a step.

    Args:
        trainer: The trainer. Without a gradient scaler, nothing is counted.
    """

    def __init__(self, trainer: Trainer) -> None:
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        self._scaler = scaler if isinstance(scaler, torch.amp.GradScaler) and scaler.is_enabled() else None
        self._began, self._taken = trainer.global_step, 0
        self._withheld: Tensor | None = None  # steps that a fused optimiser skipped, on the device
        self._handles = []
        if self._scaler is not None:
            self._first_scale = self._scaler.get_scale()
            with suppress(AttributeError):  # a strategy's own optimiser, without torch's hooks
                self._handles = [each.register_step_post_hook(self._count) for each in trainer.optimizers]

    def read(self, trainer: Trainer) -> dict[str, float]:
        """Return ``skipped`` steps, of ``steps``, and the last ``scale``; empty if no step was skipped."""
        if not self._handles or self._scaler is None:
            return {}
        scale, steps = self._scaler.get_scale(), trainer.global_step - self._began
        withheld = 0 if self._withheld is None else int(self._withheld)
        skipped = steps - self._taken + withheld
        # A step without a loss is not taken either, but leaves the scale as it is.
        return {"skipped": skipped, "steps": steps, "scale": scale} if skipped > 0 and scale < self._first_scale else {}

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _count(self, optimizer: Optimizer, *args: Any) -> None:
        self._taken += 1
        found = getattr(optimizer, "found_inf", None)  # set for fused optimisers, which skip inside their step
        if isinstance(found, Tensor):
            now = found.detach().clamp(max=1.0)
            self._withheld = now if self._withheld is None else self._withheld + now
