"""Terminal output during training: a live line, and above it a table with one line per epoch."""

from __future__ import annotations

import atexit
import logging
import math
import os
import sys
import time
from functools import cache
from typing import Any, final

import rich
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dlcore.callbacks.progress_lines import EpochTable, LiveLine, count_samples
from dlcore.errors import check_number
from dlcore.execution.per_batch_hooks import Position
from dlcore.optim import warmup_factor
from dlcore.tracking.metric_pairs import first_of
from dlcore.translation import _


@final
class ProgressDisplay(ProgressBar):
    """Show the progress of a run: a live line while it works, and a table with one line per epoch.

    The live line (batches done, speed over all devices, loss, time left) appears on terminals only. A separate
    thread draws it; counting costs a training step one or two microseconds. Other output appears above it. Files
    and pipes get only the table, each line as soon as it is known (so do notebooks, in which `NotebookCurves` shows
    more). The table shows the loss and one more metric of training and of validation, the learning rate of the last
    step, and the seconds since the line before. Of more than 200 epochs those without a validation have no line. A
    star marks the best value so far of the metric that the checkpoints monitor, else of ``val/loss``. If validation
    runs within an epoch, each validation gets a line, and the epoch is a fraction. ``NO_COLOR`` is respected.

    The loss on the live line is ``train/loss_step`` (or the module's name for it). It is read once per redraw, and only
    if it is a number or a CPU tensor: reading it from a device would slow down training.

    Args:
        refresh_per_second: Redraws of the live line per second; above 0, at most 60.

    Attributes:
        console: Console to draw on: `rich.get_console()` unless set. Output through it, `print`, `warnings` and
            `logging` does not disturb the live line; output through another console does.

    Raises:
        ArgumentError: `refresh_per_second` is out of range.
    """

    def __init__(self, refresh_per_second: float = 8) -> None:
        super().__init__()
        check_number("refresh_per_second", refresh_per_second, above=0, at_most=60)
        self.refresh_per_second = refresh_per_second
        self.console: Console | None = None
        self._enabled = True
        self._live: Live | None = None
        self._line = self._epoch_line = LiveLine("", 0)
        self._loss_wanted = False
        self._first = (0, 0)  # first counted batch of the epoch and step of the run
        self._param_group: dict[str, Any] = {}
        self._lr: Any = None
        self._warmup_steps = 0
        self._table = EpochTable(None, None, None)
        self._row: tuple[str, float] | None = None  # epoch and seconds of a table line that waits for its metrics
        self._row_time, self._validated_at = 0.0, -1  # the latter: batches of the epoch done at its last validation

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "console": None, "_live": None}  # they hold locks, which cannot be pickled

    @property
    def is_enabled(self) -> bool:
        """Whether the display is on, and this process is rank 0."""
        return self._enabled and (self._trainer is None or self._trainer.is_global_zero)

    def enable(self) -> None:
        """Turn the table on at once, and the live line from the next fit or evaluation."""
        self._enabled = True

    def disable(self) -> None:
        """Turn the display off."""
        self._enabled = False
        self._close()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start a table and show the live line, for a resumed run also in the middle of an epoch."""
        keeper = trainer.checkpoint_callback
        best = getattr(keeper, "best", getattr(keeper, "best_model_score", None))  # dlcore's name, Lightning's name
        self._table = EpochTable(getattr(keeper, "monitor", None), getattr(keeper, "mode", None), best)
        self._param_group = trainer.optimizers[0].param_groups[0] if trainer.optimizers else {}
        self._warmup_steps = int(getattr(pl_module, "warmup_steps", 0))
        self._row = None
        self._start_epoch(trainer, done=trainer.fit_loop.epoch_loop.batch_progress.current.ready)
        self._open(self._epoch_line)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print a pending line and count from zero."""
        self._print_row(trainer)
        self._start_epoch(trainer, done=0)

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return infinity: skipped batches are counted from the batch index."""
        return math.inf

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Store the learning rate of the step: a schedule or a callback may change it before it is printed."""
        lr = self._param_group.get("lr")
        if self._warmup_steps and lr is not None:  # not included in the optimiser's rate
            lr = lr * warmup_factor(trainer.global_step, self._warmup_steps)
        self._lr = lr if lr is None or isinstance(lr, float) else lr * 1  # copy: a tensor may change in place

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch, and read the loss if the drawing thread has requested it."""
        line = self._epoch_line
        line.count(batch_idx, count_samples(batch))
        if self._loss_wanted:
            self._loss_wanted = False
            line.total = self._batches_of_epoch(trainer)
            loss: Any = first_of(trainer.callback_metrics, "train/loss_step", "train/loss")
            if loss is not None and getattr(loss, "is_cpu", True):
                line.loss = float(loss)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the epoch's line of the table now if a validation ended the epoch, else at the next hook.

        By then the model has logged its training metrics in its own `on_train_epoch_end`, which runs after this.
        """
        validated, epochs = self._validated_at == self._epoch_line.done, trainer.max_epochs or 0
        if validated or epochs <= 200 or trainer.current_epoch + 1 == epochs or not trainer.enable_validation:
            self._end_row(trainer)  # of more epochs, only those with a validation have a line
        if validated:
            self._print_row(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the pending line and remove the live line."""
        self._print_row(trainer)
        self._close()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show an evaluation, within a fit on the epoch's line. Do not show the sanity check."""
        if trainer.sanity_checking:
            return
        if trainer.testing:
            kind, batches = _("testing"), trainer.num_test_batches
        elif trainer.predicting:
            kind, batches = _("predicting"), trainer.num_predict_batches
        else:
            kind, batches = _("validating"), trainer.num_val_batches
        label = f"{self._epoch_line.label} {kind}" if trainer.state.fn == "fit" else kind
        self._open(LiveLine(label, sum(batches), 0, trainer.world_size))

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Count the batch."""
        if not trainer.sanity_checking:
            self._line.done += 1
            self._line.samples += count_samples(args[2])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the live line; within a fit, return to the epoch's line and print a row if the epoch continues."""
        if trainer.state.fn != "fit":
            self._close()
        elif not trainer.sanity_checking:
            self._line = self._epoch_line
            self._line.restart_clock()
            self._validated_at = self._line.done
            if not self._epoch_is_over(trainer):
                self._end_row(trainer)
                self._print_row(trainer)

    on_test_start = on_predict_start = on_validation_start
    on_test_batch_end = on_predict_batch_end = on_validation_batch_end
    on_test_end = on_predict_end = on_validation_end

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop drawing but leave the line, which shows the progress of the run."""
        self._close(leave=True)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Stop drawing, and release the parameter group with its weights."""
        self._close()
        self._param_group = {}

    def _start_epoch(self, trainer: Trainer, done: int) -> None:
        epochs = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
        self._first = done, trainer.global_step
        label = _("epoch {epoch}").format(epoch=f"{trainer.current_epoch + 1}{epochs}")
        self._line = self._epoch_line = LiveLine(label, math.inf, done, trainer.world_size)
        self._line.total = self._batches_of_epoch(trainer)
        self._row_time, self._validated_at, self._table.epoch_has_row = time.monotonic(), -1, False

    def _batches_of_epoch(self, trainer: Trainer) -> float:
        """Return the batches of this epoch. `max_steps` may end it early; a batch may have part of a step, or many."""
        total, done = trainer.num_training_batches, self._epoch_line.done
        if trainer.max_steps <= 0:
            return total
        batches, steps = done - self._first[0], trainer.global_step - self._first[1]
        batches_per_step = batches / steps if steps else trainer.accumulate_grad_batches
        return min(total, done + math.ceil((trainer.max_steps - trainer.global_step) * batches_per_step))

    def _epoch_is_over(self, trainer: Trainer) -> bool:
        return trainer.is_last_batch or self._epoch_line.done >= trainer.num_training_batches

    def _end_row(self, trainer: Trainer) -> None:
        done, batches = self._epoch_line.done, trainer.num_training_batches
        if done == self._first[0]:  # a run resumed at the end of an epoch only ends that epoch again
            return
        if self._epoch_is_over(trainer):
            epoch = f"{trainer.current_epoch + 1}"
        elif isinstance(batches, int):
            epoch = f"{trainer.current_epoch}.{done * 100 // batches:02d}"
        else:
            epoch = _("step {step}").format(step=trainer.global_step)
        now = time.monotonic()
        self._row, self._row_time = (epoch, now - self._row_time), now

    def _print_row(self, trainer: Trainer) -> None:
        if self._row is None:
            return
        row, self._row = self._row, None
        metrics = trainer.callback_metrics  # read on every rank: this may reduce logged values over all processes
        if not self.is_enabled:
            return
        keeper: Any = trainer.checkpoint_callback
        if getattr(keeper, "monitor", None):  # may be set only now
            self._table.monitor, self._table.mode = keeper.monitor, keeper.mode
        console = self.console or rich.get_console()
        for text in self._table.lines(*row, metrics, self._lr, console):
            if console.is_jupyter:  # rich would print each line as a paragraph
                print(text.plain, file=console.file, flush=True)
            else:
                console.print(text, soft_wrap=True)

    def _open(self, line: LiveLine) -> None:
        """Start to draw `line` if the output is a terminal. rich alone would accept a file with FORCE_COLOR."""
        self._line = line
        console = self.console or rich.get_console()
        terminal = console.is_interactive and (self.console is not None or _is_terminal(console.file))
        if not self.is_enabled or self._live is not None or not terminal:
            return
        self._live = Live(
            get_renderable=lambda: self._draw(console),
            console=console,
            refresh_per_second=self.refresh_per_second,
            transient=True,
            redirect_stdout=_is_terminal(sys.stdout),  # do not redirect output to a file
            redirect_stderr=_is_terminal(sys.stderr),
        )
        _unwrap_forked_children()
        self._live.start()
        _follow_standard_streams()
        atexit.register(self._close)

    def _draw(self, console: Console) -> Text:
        self._loss_wanted = True
        return self._line.text(console.width, console.options.ascii_only)

    def _close(self, leave: bool = False) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.transient = not leave
            live.stop()
            _follow_standard_streams()
            atexit.unregister(self._close)


def _is_terminal(stream: Any) -> bool:
    return bool(getattr(stream, "isatty", bool)())


def _follow_standard_streams() -> None:
    """Point log handlers to the present `sys.stdout` and `sys.stderr`; they store the streams when created.

    While a live line is drawn, these are rich's proxies. A handler that bypasses them would break the line.
    """
    streams = {getattr(stream, "rich_proxied_file", stream): stream for stream in (sys.stdout, sys.stderr)}
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for handler in {handler for logger in loggers for handler in getattr(logger, "handlers", ())}:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            now = getattr(handler.stream, "rich_proxied_file", handler.stream)
            if handler.stream is not streams.get(now, now):
                handler.setStream(streams.get(now, now))


@cache
def _unwrap_forked_children() -> None:
    """Make forked processes (data workers) print directly: they inherit the line's locks but not its thread."""

    def unwrap() -> None:
        sys.stdout = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
        sys.stderr = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        _follow_standard_streams()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=unwrap)
