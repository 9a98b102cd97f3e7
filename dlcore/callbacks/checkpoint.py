"""Checkpoints: the last and the best state of a run, and the state at Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any, Literal, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint as LightningCheckpoint
from lightning.pytorch.utilities import rank_zero_info

from dlcore.callbacks.metric_callback import MetricCallback, is_better, read_monitor
from dlcore.errors import ArgumentError, Interrupted, check_number


@final
class Checkpoint(MetricCallback, LightningCheckpoint):
    """Keeps ``last.ckpt`` and ``best.ckpt`` in the run's folder, and saves when the run is interrupted.

    Both are whole: weights, optimiser, schedule, callbacks, counters. They are written after each validation (or each
    epoch that has none). On Ctrl-C (SIGINT) or SIGTERM the step that runs is finished and ``last.ckpt`` written; a
    second Ctrl-C leaves at once.

    Args:
        monitor: Metric that tells which state is the best.
        mode: Whether a smaller (min) or a larger (max) value is better.
        every_n_steps: Write last.ckpt also after so many optimiser steps within an epoch; left out: not.
        dirpath: Folder of the checkpoints; left out: checkpoints/ in the run's folder.

    Raises:
        ArgumentError: A value lies outside its range, or nothing logs the metric.
    """

    def __init__(
        self,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        every_n_steps: int | None = None,
        dirpath: str | None = None,
    ) -> None:
        if mode not in ("min", "max"):
            raise ArgumentError("mode", "min or max", mode)
        if every_n_steps is not None:
            check_number("every_n_steps", every_n_steps, at_least=1)
        self.monitor, self.mode, self.every_n_steps, self.dirpath = monitor, mode, every_n_steps, dirpath
        self.best: float | None = None
        self.best_step = 0
        self.best_epoch = 0
        self._folder = Path()
        self._signal = 0
        self._handlers: dict[int, Any] = {}
        self._saved_step = -1

    # Lightning and loggers ask for these names.

    @property
    def best_model_path(self) -> str:
        """The best checkpoint's file, or nothing when there is none."""
        return str(self._folder / "best.ckpt") if self.best is not None else ""

    @property
    def last_model_path(self) -> str:
        """The last checkpoint's file, or nothing when there is none."""
        return str(self._folder / "last.ckpt") if self._saved_step >= 0 else ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder; all processes have the first one's."""
        folder = self.dirpath or str(Path(trainer.log_dir or trainer.default_root_dir) / "checkpoints")
        self._folder = Path(trainer.strategy.broadcast(folder))

    # When a checkpoint is written

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Write the last state, and the best one where it is that."""
        value = read_monitor(trainer, self.monitor, "checkpoint.monitor")
        improved = value is not None and is_better(value, self.best, self.mode)
        if improved:
            self.best, self.best_step, self.best_epoch = value, trainer.global_step, trainer.current_epoch + 1
        self._save(trainer)
        if improved and trainer.is_global_zero:
            _same_file(self._folder / "last.ckpt", self._folder / "best.ckpt")
        self._leave_if_signalled(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write within an epoch, where asked for, or when a signal came.

        The last batch is left to `on_metrics`: the epoch's validation belongs to it.
        """
        if trainer.is_last_batch:
            return
        step = trainer.global_step
        if self.every_n_steps and step % self.every_n_steps == 0 and step != self._saved_step:
            self._save(trainer)
        if self._signalled(trainer):
            if step != self._saved_step:
                self._save(trainer)
            self._leave_if_signalled(trainer)

    def _save(self, trainer: Trainer) -> None:
        self._saved_step = trainer.global_step
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.save_checkpoint(self._folder / "last.ckpt")

    # Signals

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over SIGINT and SIGTERM for the time of the training."""
        self._signal = 0
        self._handlers = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}

    def _note(self, number: int, frame: Any) -> None:
        if self._signal:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        self._signal = number
        rank_zero_info(f"\n{signal.Signals(number).name}: finishing the step to save; Ctrl-C again leaves at once.")

    def _signalled(self, trainer: Trainer) -> bool:
        """Whether a signal reached any process: all of them must leave at the same step."""
        if trainer.world_size == 1:
            return bool(self._signal)
        return trainer.strategy.reduce_boolean_decision(bool(self._signal), all=False)

    def _leave_if_signalled(self, trainer: Trainer) -> None:
        if self._signalled(trainer):
            self._give_back_signals()
            number = self._signal or signal.SIGINT
            raise Interrupted(
                f"Interrupted by {signal.Signals(number).name} at step {trainer.global_step:,}: the state is in "
                f"{self._folder / 'last.ckpt'}.",
                exit_code=128 + number,
            )

    def _give_back_signals(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the signals back."""
        self._give_back_signals()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the signals back."""
        self._give_back_signals()

    # State

    def state_dict(self) -> dict[str, Any]:
        """The best value and where it was reached."""
        return {"monitor": self.monitor, "best": self.best, "best_step": self.best_step, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on comparing with the best of the run that is resumed, if it is by the same metric."""
        if state_dict["monitor"] == self.monitor:
            self.best, self.best_step = state_dict["best"], state_dict["best_step"]
            self.best_epoch = state_dict["best_epoch"]


def _same_file(source: Path, target: Path) -> None:
    """Give a file a second name, which replaces what had it before, in one step. No second copy where links work."""
    temporary = target.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)
