"""Events of a run: started, resumed, slowed by other work, interrupted, failed or finished, with the reason."""

from __future__ import annotations

import json
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

from dlcore.callbacks.logged_figures import run_loggers
from dlcore.callbacks.loss_check import LossCheck
from dlcore.callbacks.metric_callback import MetricCallback, epochs_done, record, seen_from_here, validates_in_fit
from dlcore.callbacks.module_facts import layers_in_training_mode, module_facts, shared_metrics
from dlcore.callbacks.process_data import ProcessData, in_words
from dlcore.callbacks.sample_facts import sample_facts
from dlcore.callbacks.skipped_steps import SkippedSteps
from dlcore.diagnosis.rules.mismatched_loss import describe
from dlcore.errors import Interrupted, RunFileError
from dlcore.execution.per_batch_hooks import Position
from dlcore.tracking.run_file import SAMPLES, replace_file
from dlcore.translation import _, ngettext

_NANOSECONDS = 1e-9

_LONGEST_ERROR = 300
_WATCHED = 10.0  # seconds over which waiting for a core is measured
_MUCH = 0.25  # share of that time to report
_SKIPPED, _SKIPPED_SHARE = 10, 0.1  # steps that a gradient scaler skips to report; it skips a few to find its scale


class CoreWaits:
    """Monitor of the time that runnable threads of this process wait for a core, per interval.

    Threads that compute together wait for the slowest, so the thread that waits longest sets the speed.

    Args:
        seconds: Length of an interval.
        tasks: Folder with one folder per thread, whose ``schedstat`` holds nanoseconds on a core, nanoseconds waiting,
            and number of time slices (Linux, Documentation/scheduler/sched-stats).
    """

    def __init__(self, seconds: float, tasks: Path = Path("/proc/self/task")) -> None:
        self.seconds, self._tasks = seconds, tasks
        self._began, self._before = time.monotonic(), self._waited()

    def share(self) -> float | None:
        """Return the longest wait of a thread as a share of the interval, and start the next interval."""
        took = time.monotonic() - self._began
        if took < self.seconds:
            return None
        before, self._before = self._before, self._waited()
        self._began = time.monotonic()
        waits = [waited - before.get(thread, 0) for thread, waited in self._before.items()]
        return min(max(waits) * _NANOSECONDS / took, 1.0) if waits else None

    def _waited(self) -> dict[str, int]:
        found = {}
        with suppress(OSError):
            for thread in self._tasks.iterdir():
                with suppress(OSError, IndexError, ValueError):  # the thread has ended, or no statistics
                    found[thread.name] = int((thread / "schedstat").read_text().split()[1])
        return found


class RunEvents(MetricCallback):
    """Writes start and end of a run to ``events.jsonl``, and reports when a metric becomes NaN or infinite.

    It also reports when other work holds the CPU cores, which can slow a training down tenfold.

    Place it after the progress display, so that its lines appear below the table, and before callbacks that read
    events. Every fit of the command line has it, as `dlcore.runs.run_record.RunRecord`.

    Args:
        command: Command line of the fit, for the start event; empty if there is none.
    """

    def __init__(self, command: str = "") -> None:
        self.command = command
        self._began: float | None = None
        self._core_waits: CoreWaits | None = None
        self._modes_known = self._is_shared = False
        self._process_data: ProcessData | None = None
        self._loss_check: LossCheck | None = None
        self._rate: float | None = None  # of the epoch's last batch
        self._skips: SkippedSteps | None = None
        self._skipped = 0.0

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Do nothing: the loggers check each number."""

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return 0 while batches of several processes are compared, else infinity: it needs only the clock."""
        return 0 if self._process_data is not None and self._process_data.is_open else math.inf

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Compare the first batches of several processes; note the learning rate of the last one."""
        if trainer.is_last_batch and trainer.optimizers:  # schedules change it before the epoch's end
            self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        if self._process_data is not None and self._process_data.is_open:
            found = self._process_data.add(trainer, pl_module, batch, batch_idx)
            if found:
                self.tell(trainer, "process_data", in_words(found), **found)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report a loss that does not fit the first outputs, and, once, that other work holds the cores."""
        check, self._loss_check = self._loss_check, None
        if check is not None and (found := check.close(trainer, batch, outputs)):
            text, remedy = describe(found)
            text = _("Loss: {text}; {remedy}.").format(text=text, remedy=remedy)
            self.tell(trainer, "mismatched_loss", text, **found)
        share = self._core_waits.share() if self._core_waits is not None else None
        if share is not None and share >= _MUCH:
            self._core_waits = None
            waited, threads = round(share, 3), torch.get_num_threads()
            text = _busy_machine(share, threads, trainer.world_size)
            self.tell(trainer, "busy_machine", text, waited=waited, threads=threads)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the start event, and connect to the loggers' messages."""
        super().on_train_start(trainer, pl_module)
        self._began, self._core_waits = time.monotonic(), CoreWaits(_WATCHED)
        own: dict[str, Any] = {"command": self.command} if self.command else {}
        if trainer.ckpt_path is not None:
            place, step = seen_from_here(Path(trainer.ckpt_path)), trainer.global_step
            text = _("Resumed at step {step:,} (epoch {epoch:g}) from {place}.")
            text = text.format(step=step, epoch=epochs_done(trainer), place=place)
            record(trainer, "resumed", text, checkpoint=place, **own)
        else:
            parameters = sum(parameter.numel() for parameter in pl_module.parameters())
            text = _("Started: {model} with {parameters:,} parameters.")
            text = text.format(model=type(pl_module).__name__, parameters=parameters)
            for name in ("unigram_entropy", "bigram_loss"):  # the losses of counting words, for the diagnosis
                counted = getattr(getattr(trainer, "datamodule", None), name, None)
                if isinstance(counted, float):
                    own[name] = round(counted, 4)
            record(trainer, "started", text, parameters=parameters, module=module_facts(trainer, pl_module), **own)
            parts = getattr(getattr(trainer, "datamodule", None), "parts", None)
            for logger in run_loggers(trainer) if trainer.is_global_zero and isinstance(parts, dict) else []:
                logger.background.submit(_write_samples, Path(logger.log_dir), parts)
        is_new = trainer.ckpt_path is None and trainer.is_global_zero
        self._loss_check = LossCheck(pl_module) if is_new else None
        self._modes_known = self._is_shared = False
        self._process_data, self._skips, self._skipped = ProcessData(trainer), SkippedSteps(trainer), 0
        for logger in run_loggers(trainer):
            logger.tell, logger.position = partial(self._say_later, trainer), partial(_position, trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report layers in training mode while the model validates, and metrics that training and validation share."""
        super().on_validation_end(trainer, pl_module)
        if not validates_in_fit(trainer):
            return
        self._find_shared_metrics(trainer)
        if self._modes_known:
            return
        self._modes_known = True
        if names := layers_in_training_mode(pl_module):
            text = _("Validation runs with {name} in training mode: its result depends on chance or on the batch.")
            self.tell(trainer, "training_mode", text.format(name=names[0]), layers=names[:3], count=len(names))

    def _find_shared_metrics(self, trainer: Trainer) -> None:
        loop = trainer.fit_loop.epoch_loop
        if not self._is_shared and (metrics := shared_metrics(loop, loop.val_loop)):
            self._is_shared = True
            text = _(
                "{train} and {val} are one metric object: validation counts training samples too, and resets it before "
                "training's value is read. Give each its own: self.val_acc = self.train_acc.clone()"
            )
            train, val = next(iter(metrics.items()))
            self.tell(trainer, "shared_metric", text.format(train=train, val=val), metrics=metrics)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report steps that the gradient scaler skipped; log the learning rate if nothing else does."""
        logs = getattr(pl_module, "logs_learning_rate", False)
        logs = logs or any(name.split("-")[0] == "lr" for name in trainer.logged_metrics)
        rate, self._rate = self._rate, None
        if rate is not None and not logs:
            for logger in run_loggers(trainer):
                logger.log_metrics({"lr": rate}, trainer.global_step)
        found = {} if self._skips is None else self._skips.read(trainer)
        if found and found["skipped"] > self._skipped and found["skipped"] >= _SKIPPED:
            text = _(
                "The gradient scaler skipped {skipped:,} of {steps:,} steps: gradients are not finite in 16 bit. Use "
                "--trainer.precision bf16-mixed or 32-true, or a smaller learning rate."
            ).format(**found)
            if found["skipped"] >= _SKIPPED_SHARE * found["steps"]:
                (record if self._skipped else self.tell)(trainer, "skipped_steps", text, **found)
                self._skipped = found["skipped"]
        super().on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the finish event."""
        self._tell_news(trainer)
        epochs, seconds = epochs_done(trainer), self._seconds()
        text = ngettext(
            "Finished: {n:g} epoch, {steps:,} steps.", "Finished: {n:g} epochs, {steps:,} steps.", 2 - (epochs == 1)
        ).format(n=epochs, steps=trainer.global_step)
        record(trainer, "finished", text, seconds=seconds)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write the event that ended the run, before the process exits."""
        super().on_exception(trainer, pl_module, exception)
        if self._began is not None:
            with suppress(RunFileError):  # probably the error that ended the run
                self._write_end(trainer, exception)

    def _write_end(self, trainer: Trainer, exception: BaseException) -> None:
        step, name = trainer.global_step, _signal_name(exception)
        if name:
            saved = isinstance(exception, Interrupted)
            text = _("Interrupted by {signal} at step {step:,}.")
            if not saved:
                text = _("Interrupted by {signal} at step {step:,}, at once: nothing was saved by that.")
            text = text.format(signal=name, step=step)
            record(trainer, "interrupted", text, signal=name, seconds=self._seconds())
            return
        said = " ".join(f"{type(exception).__name__}: {exception}".split())
        said = said if len(said) <= _LONGEST_ERROR else f"{said[: _LONGEST_ERROR - 1]}…"
        text = _("Failed at step {step:,}: {error}").format(step=step, error=said)
        record(trainer, "failed", text, error=type(exception).__name__, seconds=self._seconds())

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Disconnect from the module, the loggers and the optimisers."""
        if self._loss_check is not None:  # no batch ended
            self._loss_check.remove()
        if self._skips is not None:
            self._skips.close()
        for logger in run_loggers(trainer):
            logger.tell = logger.position = None

    def _seconds(self) -> float:
        return round(time.monotonic() - (self._began or time.monotonic()), 1)


def _write_samples(folder: Path, parts: dict[str, Any]) -> None:
    if facts := sample_facts(parts):
        replace_file(folder / SAMPLES, json.dumps(facts).encode())


def _position(trainer: Trainer) -> tuple[int, float]:
    return trainer.global_step, epochs_done(trainer)


def _busy_machine(share: float, threads: int, processes: int) -> str:
    """Describe why threads wait for cores, and the remedy."""
    text = _("Busy machine: other work held the cores, and threads of this fit waited {share:.0%} of the time.")
    if processes > 1:
        text = _(
            "Busy machine: other work, or too many processes of this training, held the cores, and threads of this fit "
            "waited {share:.0%} of the time."
        )
    text = text.format(share=share)
    if threads == 1:
        return text
    return _(
        "{text} All wait for the last of them: fewer may be faster (OMP_NUM_THREADS={threads} before the command, or "
        "--thread_tuning on, which measures)."
    ).format(text=text, threads=threads // 2)


def _signal_name(exception: BaseException) -> str:
    """Return the name of the signal behind an exception; empty if there is none."""
    if isinstance(exception, Interrupted):
        return signal.Signals(exception.exit_code - 128).name
    if isinstance(exception, SIGTERMException):  # Lightning's, in a run without dlcore's Checkpoint
        return "SIGTERM"
    if not isinstance(exception, KeyboardInterrupt):
        return ""
    return signal.Signals(getattr(exception, "number", signal.SIGINT)).name
