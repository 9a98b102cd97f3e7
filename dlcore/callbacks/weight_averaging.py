"""Average the weights over the steps of training, and evaluate and keep the average (chapter "optimisers")."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging as LightningWeightAveraging
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dlcore.errors import ArgumentError, check_number
from dlcore.execution.per_batch_hooks import Position
from dlcore.processes import of_all_processes, statistics

_FORGOTTEN = 1000  # updates after which the first weights' share of a warmed-up average is negligible
_STATISTICS = "averaging_statistics"  # checkpoint key: a list per name, one tensor per process


@final
class WeightAveraging(LightningWeightAveraging):
    """Keeps an exponentially weighted average of the weights; validation and checkpoints use it instead of the weights.

    S₁ = Y₁, Sₜ = decay · Sₜ₋₁ + (1 - decay) · Yₜ for the weights Yₜ after each step; running statistics of batch
    normalisation are averaged too. Training continues with the weights themselves; a checkpoint holds both, so a
    resumed run continues with both. The average covers about the last 1 / (1 - decay) updates; with warm-up, the last
    ninth of the updates so far if that is less, so that in a run of any length it reflects the latest weights.

    Args:
        decay: Share of the old average in the new one, in [0, 1): 0.9 looks back over about 10 updates, 0.999 over
            1,000.
        every_n_steps: Optimiser steps from one update of the average to the next.
        warm_up: Let the average look back over few updates at first: update t (from 0) has
            min(decay, (1 + t) / (10 + t)), a rule of TensorFlow's. Without it the average of a run of fewer than about
            5 / (1 - decay) updates still holds the weights of the start.

    Raises:
        ArgumentError: A value is out of range.

    Reference: Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging"; in its exponential
        form Tarvainen and Valpola (2017), "Mean teachers are better role models", arXiv:1703.01780.
    """

    hooks_of_every_batch = ("on_train_batch_end",)

    def __init__(self, decay: float = 0.999, every_n_steps: int = 1, warm_up: bool = True) -> None:
        check_number("decay", decay, at_least=0, below=1)
        check_number("every_n_steps", every_n_steps, at_least=1, whole=True)
        super().__init__(use_buffers=True)
        self.decay, self.every_n_steps, self.warm_up = decay, every_n_steps, warm_up
        self._updates = 0
        self._has_begun = False
        self._pairs: list[tuple[list[Tensor], list[Tensor]]] = []  # averages and weights, grouped by dtype

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Reset the counters for a new run. Lightning loads a checkpoint after this."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and trainer.global_step == 0:
            self._latest_update_step = self._updates = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Include layers that the module created in `setup`.

        Raises:
            ArgumentError: Some parameters are created only by the first batch.
        """
        self._include_late_layers(pl_module)
        if late := [name for name, value in pl_module.named_parameters() if is_lazy(value)]:
            raise ArgumentError(
                "weight_averaging",
                "a module whose weights have shapes before its first batch",
                f"{late[0]}, which is made by the first batch",
                "Run a batch through it in setup(), or switch it off: --weight_averaging off",
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move the average to the device of the weights, and pair its tensors with theirs."""
        average: Any = self._average_model
        self._has_begun = bool(average.n_averaged > 0)
        average.to(pl_module.device)
        kinds: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        both = (chain(module.parameters(), module.buffers()) for module in (average.module, pl_module))
        for own, given in zip(*both, strict=True):
            averages, weights = kinds.setdefault(own.dtype, ([], []))
            averages.append(own.detach())
            weights.append(given.detach())
        self._pairs = list(kinds.values())

    def _include_late_layers(self, pl_module: LightningModule) -> None:
        """Recreate the average if the module added layers in `setup`, after Lightning copied it."""
        average: Any = self._average_model
        now, then = (
            {name: None if is_lazy(value) else value.shape for name, value in module.state_dict().items()}
            for module in (pl_module, average.module)
        )
        if now != then:
            self._average_model = AveragedModel(pl_module, pl_module.device, use_buffers=True)

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Update the average after an optimiser step, if it is due.

        This equals Lightning's update by torch's AveragedModel. That one keeps its counter on the device, so each step
        would synchronise, and it builds the same lists each time; here they are built once.
        """
        step = trainer.global_step
        if step <= self._latest_update_step or not self.should_update(step - 1):
            return
        make_update: Any = get_ema_multi_avg_fn
        update = make_update(self._decay_of(self._updates))
        for averages, weights in self._pairs:  # all weights in one call of torch
            if self._has_begun:
                update(averages, weights, None)
                continue
            for average, weight in zip(averages, weights, strict=True):
                average.copy_(weight)
        self._average_model.n_averaged += 1  # type: ignore[union-attr]
        self._has_begun, self._latest_update_step = True, step

    def _decay_of(self, update: int) -> float:
        """Return the share of the old average in the new one at an update (from 0)."""
        return min(self.decay, (1 + update) / (10 + update)) if self.warm_up else self.decay

    def share_of_first(self, updates: int) -> float:
        """Return the share, in [0, 1], of the weights after the first step in the average after `updates` updates."""
        if not self.warm_up:
            return self.decay ** max(updates - 1, 0)
        return math.prod(self._decay_of(update) for update in range(1, min(updates, _FORGOTTEN)))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Release the weights."""
        self._pairs = []

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return infinity: it only needs `on_train_batch_end`, which is in `hooks_of_every_batch`."""
        return math.inf

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Return whether the average is updated after the step (from 0)."""
        self._updates, rest = divmod(step_idx or 0, self.every_n_steps)
        return step_idx is not None and rest == 0

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Save both sets of weights, and each process's running statistics of the average."""
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if self._average_model is not None and trainer.world_size > 1:
            checkpoint[_STATISTICS] = {
                name: of_all_processes(trainer, buffer, pl_module.device)
                for name, buffer in statistics(self._average_model.named_buffers())
            }

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore the average and its running statistics."""
        if self._average_model is not None:
            self._include_late_layers(pl_module)
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        if self._average_model is not None:
            for name, buffer in statistics(self._average_model.named_buffers()):
                if len(parts := checkpoint.get(_STATISTICS, {}).get(name, ())) == trainer.world_size:
                    buffer.copy_(parts[trainer.global_rank])
