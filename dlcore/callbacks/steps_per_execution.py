"""Several training steps between two calls of Lightning's hooks, for any module with automatic optimisation."""

from __future__ import annotations

from typing import Any, Literal

from lightning.fabric.utilities import rank_zero_info
from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.errors import check_number
from dlcore.execution.loop import ExecutionLoop


class StepsPerExecution(Callback):
    """Take several training steps between two calls of Lightning's per-batch hooks.

    For any LightningModule with automatic optimisation and one optimiser, in any Trainer:
    ``Trainer(callbacks=[StepsPerExecution()])``. Weights, logged values, `global_step`, schedules and checkpoints are
    bit for bit the same as without it; only the time between steps is shorter. An execution ends where a callback
    needs a per-batch hook (`dlcore.execution.per_batch_hooks` explains how a callback declares that). If steps must be
    taken one by one (manual optimisation, several optimisers, 16-bit precision with a gradient scaler, …), Lightning's
    own loop runs, and a line gives the reason. `fit` has the same loop.

    A plain DataLoader over a TensorDataset is also read a batch at a time, in its sampler's order.

    Args:
        steps: Optimiser steps of an execution, at least 1; ``auto``: as many as there are until something happens (a
            value is logged, a checkpoint or validation is due, 0.1 s have passed). 1 switches it off.

    Raises:
        ArgumentError: `steps` is below 1.
    """

    def __init__(self, steps: int | Literal["auto"] = "auto") -> None:
        if steps != "auto":
            check_number("steps", steps, at_least=1, whole=True)
        self.steps = steps

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Replace the trainer's epoch loop."""
        loop: Any = trainer.fit_loop.epoch_loop
        if stage != "fit" or isinstance(loop, ExecutionLoop):
            return
        if not ExecutionLoop.can_replace(loop):
            rank_zero_info(f"StepsPerExecution does nothing: the trainer has an epoch loop of its own ({type(loop)}).")
            return
        trainer.fit_loop.epoch_loop = ExecutionLoop(trainer, self.steps)
