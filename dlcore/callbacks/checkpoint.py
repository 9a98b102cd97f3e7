"""Checkpoints of the last and the best state of a run, and of the state at Ctrl-C."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Literal, final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint as LightningCheckpoint

from dlcore.callbacks.metric_callback import record, say
from dlcore.callbacks.monitor_callback import MonitorCallback, is_better
from dlcore.errors import ArgumentError, Interrupted, check_number
from dlcore.execution.loop import write_step, write_step_early
from dlcore.execution.per_batch_hooks import Position
from dlcore.lightning_compat import is_fast_dev_run, log_interval, validation_follows
from dlcore.tracking import RunLogger
from dlcore.tracking.run_file import link_file
from dlcore.translation import _

_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


@final
class Checkpoint(MonitorCallback, LightningCheckpoint):
    """Keeps ``last.ckpt`` and ``best.ckpt`` in the run's folder, and saves when the run is interrupted.

    ``previous.ckpt`` is the checkpoint before ``last.ckpt``; a run resumes from it if ``last.ckpt`` is damaged.
    Each file is complete: weights, optimiser, schedule, callbacks, counters. They are written after each validation,
    at the end of each epoch and at the end of the training. On Ctrl-C (SIGINT), SIGTERM or SIGHUP (closed terminal),
    the current step (and a validation that is due or running) is completed and ``last.ckpt`` written; a second Ctrl-C
    exits at once. A run without a folder (no logger, or fast_dev_run) saves nothing.

    Args:
        monitor: Metric that decides which state is the best.
        mode: Whether a smaller (min) or a larger (max) value is better; auto: decide by the metric.
        every_n_steps: Write last.ckpt also after every n-th optimiser step within an epoch; left out: not.
        dirpath: Folder of the checkpoints; left out: checkpoints/ in the run's folder.

    Attributes:
        best: Best value of the metric so far; None when there is none.
        best_step: Optimiser steps after which it was reached.
        best_epoch: Number of the epoch in which it was reached, from 1.

    Raises:
        ArgumentError: A value is out of range, the mode contradicts the metric, nothing logs the metric, or another
            Checkpoint writes into the same folder.
        Interrupted: A signal ended the training.
    """

    saved = ("best", "best_step", "best_epoch")

    def __init__(
        self,
        monitor: str = "val/loss",
        mode: Literal["auto", "min", "max"] = "auto",
        every_n_steps: int | None = None,
        dirpath: str | None = None,
    ) -> None:
        if every_n_steps is not None:
            check_number("every_n_steps", every_n_steps, at_least=1, whole=True)
        self.every_n_steps, self.dirpath = every_n_steps, dirpath
        super().__init__(monitor, mode)
        self._folder: Path | None = None
        self._saved_step = self._step_before = 0
        self._signal = 0
        self._asked, self._asks_at = (0, 0.0), 0  # last exchange of signals (step, time); step of the next one
        self._handlers: dict[int, Any] = {}

    def reset(self) -> None:
        """Forget the best state of an earlier run."""
        self.best: float | None = None
        self.best_step = self.best_epoch = 0
        self._improved, self._has_saved, self._brought_back = False, False, ""

    # Lightning and loggers read these names.

    @property
    def best_model_path(self) -> str:
        """Path of the best checkpoint; empty if there is none."""
        return self._existing("best.ckpt") if self.best is not None else self._brought_back

    @best_model_path.setter
    def best_model_path(self, path: str) -> None:  # set by Lightning, from spawned or forked processes
        self._brought_back = path

    @property
    def last_model_path(self) -> str:
        """Path of the last checkpoint; empty if there is none."""
        return self._existing("last.ckpt")

    def _existing(self, name: str) -> str:
        return str(self._folder / name) if self._folder is not None and (self._folder / name).is_file() else ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder: rank 0's for all processes."""
        super().setup(trainer, pl_module, stage)
        run_folder = trainer.log_dir if trainer.loggers else None
        folder = self.dirpath or (run_folder and str(Path(run_folder) / "checkpoints"))
        folder = trainer.strategy.broadcast(None if is_fast_dev_run(trainer) else folder)
        self._folder = Path(folder) if folder else None
        others = [each._folder for each in _checkpoints(trainer) if each is not self]
        if self._folder is not None and self._folder in others:
            remedy = f"Give one of them another: dirpath={str(self._folder / 'other')!r}"
            raise ArgumentError("dirpath", "a folder of its own for each Checkpoint", self.dirpath, remedy)
        if self._folder is not None and stage == "fit" and trainer.is_global_zero:
            self._folder.mkdir(parents=True, exist_ok=True)  # fail before the training if it cannot be created
            for name in ("*last.tmp*", "best.tmp", "previous.tmp"):  # left by a process killed while writing
                for left_over in self._folder.glob(name):
                    left_over.unlink(missing_ok=True)

    # When a checkpoint is written

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install handlers for signals that end a run, for the duration of the training."""
        super().on_train_start(trainer, pl_module)
        self._saved_step = trainer.global_step
        # A run that starts from another run's checkpoint needs its own best state.
        if self._folder is not None and not trainer.strategy.broadcast((self._folder / "best.ckpt").is_file()):
            self.best = None
        if _checkpoints(trainer)[-1] is self:  # only the last one handles signals, after the others have saved
            self._take_signals(trainer)

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return the batches until the next save, or until processes next exchange signals."""
        due = math.inf if self.every_n_steps is None else position.batches_before_multiple(self.every_n_steps)
        alone = trainer.world_size == 1 or _checkpoints(trainer)[-1] is not self
        return due if alone else min(due, position.batches_before(self._asks_at))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Store the step, to detect whether the batch takes a new one."""
        self._step_before = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save within an epoch: every `every_n_steps`, on a signal, or when the training ends here.

        Before a validation, `on_metrics` saves instead; at an epoch's last batch, `on_train_epoch_end` does: their
        metrics belong to the same step.
        """
        if trainer.is_last_batch or validation_follows(trainer):
            return
        step, signalled = trainer.global_step, self._signalled(trainer)
        stops = trainer.should_stop and trainer.current_epoch >= (trainer.min_epochs or 0)
        ends = 0 <= trainer.max_steps <= step or (stops and step >= (trainer.min_steps or 0))
        due = self.every_n_steps is not None and step // self.every_n_steps > self._step_before // self.every_n_steps
        if due or signalled or ends:
            # Write the row before the checkpoint: a kill between the two would lose it. RunLogger takes it only once.
            write_step_early(trainer, [each for each in trainer.loggers if isinstance(each, RunLogger)])
            self._save(trainer)
        if signalled:
            write_step(trainer)
            self._leave(trainer)

    def on_value(self, trainer: Trainer, model: LightningModule, value: float) -> None:
        """Record whether the state is the best so far."""
        if is_better(value, self.best, self.mode):
            before = {} if self.best is None else {"before": self.best}
            text = _("New best {metric}: {value:.4f}.")
            if before:
                text = _("New best {metric}: {value:.4f} (before {before:.4f} at epoch {epoch}).")
            text = text.format(metric=self.monitor, value=value, before=self.best, epoch=self.best_epoch)
            self.best, self.best_step, self.best_epoch = value, trainer.global_step, trainer.current_epoch + 1
            self._improved = True
            record(trainer, "new_best", text, metric=self.monitor, mode=self.mode, value=value, **before)

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Save the last state, and the best one if it improved."""
        self._save(trainer)
        if self._signalled(trainer):
            self._leave(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the state at the end of an epoch, unless `on_metrics` has saved it."""
        progress = trainer.fit_loop.epoch_progress
        for count in (progress.total, progress.current):
            # With max_steps, Lightning counts an epoch twice when a run is resumed from its end. Limit the count to the
            # epochs that have started; else max_epochs would stop the run too early.
            count.processed = min(count.processed, count.ready)  # type: ignore[attr-defined]
        super().on_train_epoch_end(trainer, pl_module)
        if self._improved or (trainer.is_last_batch and trainer.global_step != self._saved_step):
            self._save(trainer)
            if self._signalled(trainer):
                self._leave(trainer)

    def _save(self, trainer: Trainer) -> None:
        self._saved_step = trainer.global_step
        improved, self._improved = self._improved, False
        if self._folder is None:
            return
        # Write to a temporary name first: last.ckpt may be a hard link to best.ckpt, and some checkpoint writers
        # overwrite an existing file in place (Lightning's own, if the temporary folder is on another disk).
        written = self._folder / "last.tmp"
        trainer.save_checkpoint(
            written, weights_only=False
        )  # by runs.checkpoint_file.AtomicCheckpointIO; optimiser too
        if trainer.is_global_zero:
            last = self._folder / "last.ckpt"
            if self._has_saved and last.is_file():  # else it may belong to another run
                link_file(last, self._folder / "previous.ckpt")
            written.replace(last)
            self._has_saved = True
            if improved:
                link_file(last, self._folder / "best.ckpt")

    # Signals

    def _take_signals(self, trainer: Trainer) -> None:
        self._signal = 0
        self._asked, self._asks_at = (0, 0.0), 0
        if threading.current_thread() is not threading.main_thread():
            return  # in Python, only the main thread can install and run signal handlers

        process = os.getpid()

        def note(number: int, frame: Any) -> None:
            if self._signal and number == _HANGUP:
                return  # both the system and the shell send it; the terminal is gone, so print nothing
            if self._signal:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                raise KeyboardInterrupt
            self._signal = number
            if os.getpid() != process:
                return  # a data worker, forked meanwhile: Ctrl-C and a notebook's interrupt reach it too
            with contextlib.suppress(RuntimeError, OSError):  # reentrant print; closed terminal
                say(
                    trainer,
                    "",
                    _("{signal}: finishing the step to save; Ctrl-C again leaves at once.").format(
                        signal=signal.Signals(number).name
                    ),
                )

        numbers = [signal.SIGINT, signal.SIGTERM]
        if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:  # nohup ignores it
            numbers.append(_HANGUP)
        self._handlers = {number: signal.signal(number, note) for number in numbers}

    def _give_back_signals(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def _signalled(self, trainer: Trainer) -> bool:
        """Return whether any process received a signal: all must exit at the same step.

        Processes exchange this about once a second, since it synchronises them, and at least every `log_every_n_steps`
        steps, so that the sender of the signal does not wait longer than half a minute.
        """
        if trainer.world_size == 1 or _checkpoints(trainer)[-1] is not self:
            return bool(self._signal)
        step, now = trainer.global_step, time.monotonic()
        if not trainer.is_last_batch and step < self._asks_at:
            return False
        before, began = self._asked
        seconds = (now - began) / max(1, step - before) if began else 1.0
        told = torch.tensor([float(bool(self._signal)), seconds], device=trainer.strategy.root_device)
        signalled, longest = trainer.strategy.reduce(told, reduce_op="max").tolist()
        every = log_interval(trainer)
        self._asked, self._asks_at = (step, now), step + max(1, min(every, int(1 / max(longest, 1e-6))))
        return bool(signalled > 0)

    def _leave(self, trainer: Trainer) -> None:
        self._give_back_signals()
        number = self._signal or signal.SIGINT
        last = None if self._folder is None else self._folder / "last.ckpt"
        kept = f"The state is in {last}." if last else "Nothing was kept: the run has no folder."
        text = f"Interrupted by {signal.Signals(number).name} at step {trainer.global_step:,}. {kept}"
        raise Interrupted(text, exit_code=128 + number, checkpoint=last)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the signal handlers."""
        self._give_back_signals()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Restore the signal handlers."""
        super().on_exception(trainer, pl_module, exception)
        self._give_back_signals()


def _checkpoints(trainer: Trainer) -> list[Checkpoint]:
    return [each for each in trainer.checkpoint_callbacks if isinstance(each, Checkpoint)]
