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

_FORGOTTEN = 1000  # updates after which a warmed-up average holds nothing of the first weights
_STATISTICS = "averaging_statistics"  # in a checkpoint: a list by name, one tensor a process


@final
class WeightAveraging(LightningWeightAveraging):
    """Keeps an exponentially weighted average of the weights; validation and checkpoints use it instead of the weights.

    S₁ = Y₁, Sₜ = decay · Sₜ₋₁ + (1 - decay) · Yₜ for the weights Yₜ after each step; running statistics of batch
    normalisation are averaged too. The training itself goes on with the weights, which a checkpoint holds beside the
    average: a resumed run goes on with both. The average looks back over about 1 / (1 - decay) updates; warmed up, over
    a ninth of the updates so far where that is less, so that a run of any length is evaluated near its end.

    Args:
        decay: Share of the old average in the new one, in [0, 1): 0.9 looks back over about 10 updates, 0.999 over
            1,000.
        every_n_steps: Optimiser steps from one update of the average to the next.
        warm_up: Let the average look back over few updates at first: update t (from 0) has
            min(decay, (1 + t) / (10 + t)), a rule of TensorFlow's. Without it the average of a run of fewer than about
            5 / (1 - decay) updates still holds the weights of the start.

    Raises:
        ArgumentError: A value lies outside its range.

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
        self._pairs: list[tuple[list[Tensor], list[Tensor]]] = []  # averages and weights, those of a kind together

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin with an average of this run's own; a checkpoint's comes after this."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and trainer.global_step == 0:
            self._latest_update_step = self._updates = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy layers that the module has made late.

        Raises:
            ArgumentError: Some are made by the first batch only.
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
        """Bring the average to where the weights have been brought since it was made."""
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
        """Make the average anew where the module has made layers in `setup`, after Lightning copied it."""
        average: Any = self._average_model
        now, then = (
            {name: None if is_lazy(value) else value.shape for name, value in module.state_dict().items()}
            for module in (pl_module, average.module)
        )
        if now != then:
            self._average_model = AveragedModel(pl_module, pl_module.device, use_buffers=True)

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Update the average, if a step was taken that asks for it.

        This is what Lightning does by torch's AveragedModel, but its count of updates lies on the device, which would
        have to be waited for in each step; and lists that never change are made once.
        """
        step = trainer.global_step
        if step <= self._latest_update_step or not self.should_update(step - 1):
            return
        update: Any = get_ema_multi_avg_fn(self._decay_of(self._updates))
        for averages, weights in self._pairs:  # all weights in one call of torch
            if self._has_begun:
                update(averages, weights, None)
                continue
            for average, weight in zip(averages, weights, strict=True):
                average.copy_(weight)
        self._average_model.n_averaged += 1  # type: ignore[union-attr]
        self._has_begun, self._latest_update_step = True, step

    def _decay_of(self, update: int) -> float:
        """The share of the old average in the new one at an update (from 0)."""
        return min(self.decay, (1 + update) / (10 + update)) if self.warm_up else self.decay

    def share_of_first(self, updates: int) -> float:
        """The share, in [0, 1], that the weights after the first step have in the average after so many updates."""
        if not self.warm_up:
            return self.decay ** max(updates - 1, 0)
        return math.prod(self._decay_of(update) for update in range(1, min(updates, _FORGOTTEN)))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let the weights go."""
        self._pairs = []

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """All: it needs nothing but the end of each batch."""
        return math.inf

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Whether the step (from 0) is one after which the average is updated."""
        self._updates, rest = divmod(step_idx or 0, self.every_n_steps)
        return step_idx is not None and rest == 0

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep both weights, and the running statistics of the average that each process has."""
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if self._average_model is not None and trainer.world_size > 1:
            checkpoint[_STATISTICS] = {
                name: of_all_processes(trainer, buffer, pl_module.device)
                for name, buffer in statistics(self._average_model.named_buffers())
            }

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take them up."""
        if self._average_model is not None:
            self._include_late_layers(pl_module)
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        if self._average_model is not None:
            for name, buffer in statistics(self._average_model.named_buffers()):
                if len(parts := checkpoint.get(_STATISTICS, {}).get(name, ())) == trainer.world_size:
                    buffer.copy_(parts[trainer.global_rank])
