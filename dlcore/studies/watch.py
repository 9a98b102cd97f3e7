"""Progress reports of a study's run to the process that waits for it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.metric_callback import epochs_done
from dlcore.studies.study_run_record import PROGRESS, Record, write_json

_EVERY = 0.5  # seconds


class RunWatch(Callback):
    """Writes a run's progress into its folder, twice a second."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder, self.record = folder, record
        self._began = self._last = 0.0
        self._before = record.times[-1][1] if record.times else 0.0  # seconds of the run before it was resumed

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record facts of model and data, and start the clock."""
        record, data = self.record, getattr(trainer, "datamodule", None)
        record.parameters = sum(p.numel() for p in pl_module.parameters() if p.requires_grad)
        record.train_samples = len(getattr(data, "parts", {}).get("train", ()))
        record.source, record.is_sample = getattr(data, "source", ""), bool(getattr(data, "is_sample", False))
        record.device = str(trainer.strategy.root_device)
        # Drop times after the checkpoint's step: that work was lost.
        record.times = [pair for pair in record.times if pair[0] <= trainer.global_step]
        self._before = record.times[-1][1] if record.times else 0.0
        self._began = time.monotonic()
        record.write(self.folder)
        self._tell(trainer, pl_module)

    def skippable_batches(self, trainer: Trainer, position: Any) -> float:
        """Return infinity: the reports go by the clock, not by batches."""
        return math.inf

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report progress, if it is time."""
        self._tell_in_time(trainer, pl_module)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Report progress, if it is time."""
        self._tell_in_time(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the time of this validation's step."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._note(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the final state, unless nothing was left to train."""
        if not self._began:
            return
        self._note(trainer, pl_module, ended=True)
        self._tell(trainer, pl_module)

    def _note(self, trainer: Trainer, model: LightningModule, ended: bool = False) -> None:
        record = self.record
        record.seconds = self._before + time.monotonic() - self._began
        record.steps = trainer.global_step
        # After the last epoch, the trainer still counts its batches in addition to the epoch itself.
        record.epochs = max(record.epochs, model.trainer.current_epoch) if ended else epochs_done(trainer)
        if not record.times or record.times[-1][0] < record.steps:
            record.times.append([record.steps, round(record.seconds, 3)])
        record.write(self.folder)

    def _tell_in_time(self, trainer: Trainer, model: LightningModule) -> None:
        if time.monotonic() - self._last >= _EVERY:
            self._tell(trainer, model)

    def _tell(self, trainer: Trainer, model: LightningModule) -> None:
        self._last = time.monotonic()
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if "/" in name}
        epoch = epochs_done(trainer)
        if trainer.max_epochs and trainer.max_epochs > 0:
            epoch = min(epoch, trainer.max_epochs)
        content = {"epoch": epoch, "epochs": trainer.max_epochs or 0, "metrics": metrics}
        seconds = self._before + self._last - self._began
        # For the estimate of the remaining time: earlier starts are excluded.
        write_json(self.folder / PROGRESS, {**content, "seconds": seconds, "began": self._before})
