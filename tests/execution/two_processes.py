"""Trains in two processes, with and without executions, and keeps what both saw."""

from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from side_by_side import Recorder, loader
from ways_to_write_a_module import MetricUpdate, StepSchedule

from dlcore.callbacks import StepsPerExecution


class Synchronised(MetricUpdate, StepSchedule):
    """Logs what both processes must agree on, in each step and at the epoch's end."""

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.log("both", outputs["loss"], on_step=True, on_epoch=True, sync_dist=True)
        self.log("mean", outputs["loss"], on_step=False, on_epoch=True, sync_dist=True)


class Keeps(Callback):
    """Writes what the first process saw; the other's weights beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_end(self, trainer, pl_module):
        seen = {
            "weights": list(pl_module.state_dict().values()),
            "logged": trainer.logger.lines if trainer.logger else [],
            "metrics": dict(trainer.callback_metrics),
            "step": trainer.global_step,
            "reason": getattr(trainer.fit_loop.epoch_loop, "reason", ""),
        }
        torch.save(seen, f"{self.path}.{trainer.global_rank}")


def train(path: Path, fast: bool, strategy: str) -> None:
    seed_everything(7)
    steps = [StepsPerExecution()] if fast else []
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy=strategy, max_epochs=2, logger=Recorder(), log_every_n_steps=5,
        callbacks=[Keeps(path), GradientAccumulationScheduler({1: 3}), *steps],
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(Synchronised(), loader(), loader(40, shuffle=False))


def train_both_ways(rank: int, folder: Path) -> None:
    """Of a process that a launcher has started: leave in ``folder/<fast>.<rank>`` what it saw."""
    for fast in (False, True):
        train(folder / str(fast), fast, "ddp")
