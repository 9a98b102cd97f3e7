"""The events of a run's life: it started or went on, it was slowed, interrupted, it failed or finished, and why."""

from __future__ import annotations

import math
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from dlcore.callbacks.core_waits import CoreWaits
from dlcore.callbacks.events import epochs_done, record, seen_from_here
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.callbacks.pictures import run_loggers
from dlcore.errors import Interrupted, RunFileError
from dlcore.execution.per_batch_hooks import Position

_LONGEST_ERROR = 300
_WATCHED = 10.0  # seconds in which it shows whether other work holds the cores
_MUCH = 0.25  # of them


class RunEvents(MetricCallback):
    """Writes into ``events.jsonl`` when a run begins and how it ends, and says when a metric is not finite any more.

    It says, too, when other work holds the cores: a training that needs the time of ten is a riddle else.

    It stands after what shows the progress, so that its lines are below those of the table, and before all that reads
    the events. Every fit of the command line has it, as `dlcore.runs.record.RunRecord`.

    Args:
        command: The command line of the fit, for the event of its beginning; empty where there is none.
    """

    def __init__(self, command: str = "") -> None:
        self.command = command
        self._began: float | None = None
        self._core_waits: CoreWaits | None = None

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Nothing: the loggers themselves look at each number."""

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """It goes by the clock."""
        return math.inf

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Say once that other work holds the cores."""
        share = self._core_waits.share() if self._core_waits is not None else None
        if share is not None and share >= _MUCH:
            self._core_waits = None
            waited, threads = round(share, 3), torch.get_num_threads()
            text = _busy_machine(share, threads, trainer.world_size)
            self.tell(trainer, "busy_machine", text, waited=waited, threads=threads)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the beginning, and listen to the loggers."""
        super().on_train_start(trainer, pl_module)
        self._began, self._core_waits = time.monotonic(), CoreWaits(_WATCHED)
        own = {"command": self.command} if self.command else {}
        if trainer.ckpt_path is not None:
            place, step = seen_from_here(Path(trainer.ckpt_path)), trainer.global_step
            text = f"Resumed at step {step:,} (epoch {epochs_done(trainer):g}) from {place}."
            record(trainer, "resumed", text, checkpoint=place, **own)
        else:
            parameters = sum(parameter.numel() for parameter in pl_module.parameters())
            text = f"Started: {type(pl_module).__name__} with {parameters:,} parameters."
            record(trainer, "started", text, parameters=parameters, **own)
        for logger in run_loggers(trainer):
            logger.tell, logger.position = partial(self._say_later, trainer), partial(_position, trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write that it came to its end."""
        self._tell_news(trainer)
        epochs, seconds = epochs_done(trainer), self._seconds()
        text = f"Finished: {epochs:g} epoch{'s' * (epochs != 1)}, {trainer.global_step:,} steps."
        record(trainer, "finished", text, seconds=seconds)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write what ended it, while the process still lives."""
        super().on_exception(trainer, pl_module, exception)
        if self._began is not None:
            with suppress(RunFileError):  # very likely for the same reason as ended the run
                self._write_end(trainer, exception)

    def _write_end(self, trainer: Trainer, exception: BaseException) -> None:
        step, name = trainer.global_step, _signal_name(exception)
        if name:
            saved = isinstance(exception, Interrupted)
            text = f"Interrupted by {name} at step {step:,}{'' if saved else ', at once: nothing was saved by that'}."
            record(trainer, "interrupted", text, signal=name, seconds=self._seconds())
            return
        said = " ".join(f"{type(exception).__name__}: {exception}".split())
        said = said if len(said) <= _LONGEST_ERROR else f"{said[: _LONGEST_ERROR - 1]}…"
        text = f"Failed at step {step:,}: {said}"
        record(trainer, "failed", text, error=type(exception).__name__, seconds=self._seconds())

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Listen no more."""
        for logger in run_loggers(trainer):
            logger.tell = logger.position = None

    def _seconds(self) -> float:
        return round(time.monotonic() - (self._began or time.monotonic()), 1)


def _position(trainer: Trainer) -> tuple[int, float]:
    return trainer.global_step, epochs_done(trainer)


def _busy_machine(share: float, threads: int, processes: int) -> str:
    """What slows a fit down whose threads have no core, and what helps."""
    others = "other work" if processes == 1 else "other work, or too many processes of this training,"
    text = f"Busy machine: {others} held the cores, and threads of this fit waited {share:.0%} of the time."
    if threads == 1:
        return text
    fewer = f"OMP_NUM_THREADS={threads // 2} before the command"
    return f"{text} All wait for the last of them: fewer may be faster ({fewer})."


def _signal_name(exception: BaseException) -> str:
    """The signal that an exception stands for; empty for one that stands for none."""
    if isinstance(exception, Interrupted):
        return signal.Signals(exception.exit_code - 128).name
    if isinstance(exception, SIGTERMException):  # Lightning's own, of a run without dlcore's checkpoints
        return "SIGTERM"
    if not isinstance(exception, KeyboardInterrupt):
        return ""
    return signal.Signals(getattr(exception, "number", signal.SIGINT)).name
