"""Average the weights over the steps of training, and evaluate and keep the average (chapter "optimisers")."""

from __future__ import annotations

import math
from typing import Any, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging as LightningWeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dlcore.callbacks.quiet_steps import Place
from dlcore.errors import check_number
from dlcore.processes import of_all_processes, statistics

_STATISTICS = "averaging_statistics"  # in a checkpoint: a list by name, one tensor a process


@final
class WeightAveraging(LightningWeightAveraging):
    """Keeps an exponentially weighted average of the weights; validation and checkpoints use it instead of the weights.

    S₁ = Y₁, Sₜ = decay · Sₜ₋₁ + (1 - decay) · Yₜ for the weights Yₜ after each step; running statistics of batch
    normalisation are averaged too. The training itself goes on with the weights, which a checkpoint holds beside the
    average: a resumed run goes on with both. The average looks back over about 1 / (1 - decay) updates.

    Args:
        decay: Share of the old average in the new one, in [0, 1): 0.9 looks back over about 10 updates, 0.999 over
            1,000.
        every_n_steps: Optimiser steps from one update of the average to the next.
        warm_up: Let the average look back over few updates at first, so that it does not trail behind with the weights
            of the start: update t (from 0) has min(decay, (1 + t) / (10 + t)), a rule of TensorFlow's.

    Raises:
        ArgumentError: A value lies outside its range.

    Reference: Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging"; in its exponential
        form Tarvainen and Valpola (2017), "Mean teachers are better role models", arXiv:1703.01780.
    """

    quiet_hooks = ("on_train_batch_end",)

    def __init__(self, decay: float = 0.999, every_n_steps: int = 1, warm_up: bool = False) -> None:
        check_number("decay", decay, at_least=0, below=1)
        check_number("every_n_steps", every_n_steps, at_least=1, whole=True)
        # All weights in one call of torch: a call for each costs more than a small network's step.
        super().__init__(use_buffers=True, multi_avg_fn=self._update)
        self.decay, self.every_n_steps, self.warm_up = decay, every_n_steps, warm_up
        self._updates = 0

    def _update(self, averages: Any, weights: Any, _: Any) -> None:
        # The number of updates that torch keeps lies on the device, which would have to be waited for.
        now = (1 + self._updates) / (10 + self._updates) if self.warm_up else 1.0
        get_ema_multi_avg_fn(min(self.decay, now))(averages, weights, _)

    def quiet_batches(self, trainer: Trainer, place: Place) -> float:
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
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        if self._average_model is not None:
            for name, buffer in statistics(self._average_model.named_buffers()):
                if len(parts := checkpoint.get(_STATISTICS, {}).get(name, ())) == trainer.world_size:
                    buffer.copy_(parts[trainer.global_rank])
