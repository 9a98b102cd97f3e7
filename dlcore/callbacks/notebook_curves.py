"""The curves of a training below a notebook's cell: one output that grows while the training runs."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar

from dlcore.callbacks.logged_figures import run_loggers
from dlcore.callbacks.metric_callback import epochs_done, validates_in_fit
from dlcore.callbacks.monitor_callback import same_value
from dlcore.errors import DlcoreError, check_number, never_fatal
from dlcore.execution.per_batch_hooks import Position
from dlcore.notebook import Output, in_notebook, png_text
from dlcore.tracking import learning_curves, read_metrics
from dlcore.tracking.background import Refresh
from dlcore.tracking.figures.learning_curves import drawn_quantities
from dlcore.tracking.figures.live_curves import live_curves
from dlcore.tracking.figures.style import to_png
from dlcore.tracking.metric_pairs import canonical_name, read_as_pairs
from dlcore.tracking.run_file import run_title

Row = dict[str, float]
_MOST_ROWS = 200
_ALL_ROWS = 100  # none of the first is left out, however short the epochs are
# Seconds that a drawing counts for at least: with a share of 0.01, of which half is for drawing, the output changes at
# most once a second.
_LEAST = 0.005


@final
class NotebookCurves(ProgressBar):
    """Shows the curves of a training below a notebook's cell, in one output that grows, instead of a progress bar.

    The loss and one more metric, which the checkpoints monitor if they monitor one, of training and of validation, and
    the epochs done. While the training runs the curves are a light SVG, drawn at most once a second and in a small
    share of the time; when it ends, also by an error or an interrupt, they become the picture of
    `dlcore.tracking.learning_curves`. Of many points every second one is left out, but never the best. A resumed run
    begins with the curves in its folder. In a notebook `dlcore.runs.fit` and `dlcore.callbacks.standard` have it in
    place of `ProgressDisplay`; elsewhere it shows nothing, and says so.

    Args:
        share: Share of the training's time for the curves, in (0, 1]; the picture at the end is not counted.

    Raises:
        ArgumentError: The share is out of range.
    """

    def __init__(self, share: float = 0.01) -> None:
        super().__init__()
        check_number("share", share, above=0, at_most=1)
        self.share = share
        self._enabled = True
        self._shows = self._waits = False
        self._forget()

    def _forget(self) -> None:
        self._output = Output()
        self._title = ""
        self._known: dict[str, Any] = {}  # values read last, as the trainer has them
        self._steps: list[Row] = []  # of single steps
        self._rows: list[Row] = []  # of validations and epochs
        self._reading, self._drawing = (Refresh(self.share / 2, clock=time.monotonic) for _ in range(2))

    def enable(self) -> None:
        """Show the curves from the next fit on."""
        self._enabled = True

    def disable(self) -> None:
        """Show nothing."""
        self._enabled = self._shows = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show an empty output, or the curves of the run that is resumed."""
        self._forget()
        self._shows, self._waits = self._enabled and trainer.is_global_zero and in_notebook(), False
        if not self._shows:
            if self._enabled and trainer.is_global_zero:
                print("NotebookCurves shows nothing: this is no notebook. ProgressDisplay shows a training elsewhere.")
            return
        loggers = run_loggers(trainer)
        self._title = run_title(Path(loggers[0].log_dir)) if loggers else type(pl_module).__name__
        self._known = dict(trainer.callback_metrics)  # of the sanity check
        with never_fatal("NotebookCurves", self._give_up):
            if loggers and trainer.global_step:
                self._read_earlier(Path(loggers[0].log_dir))
            self._draw(trainer)

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return infinity: it looks at the clock when it is called, and needs no certain batch."""
        return math.inf

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Read the metrics of the step and draw, if a drawing is due."""
        if self._shows and not trainer.is_last_batch and self._drawing.due():
            self._draw_in_time(trainer, epoch_ended=False)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the metrics of a validation within an epoch."""
        if self._shows and validates_in_fit(trainer) and not trainer.is_last_batch:
            self._read_in_time(trainer, epoch_ended=False)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the metrics to the next hook: the module logs some in its own `on_train_epoch_end`, after this."""
        self._waits = self._shows

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the metrics of the epoch before, and draw if due."""
        if self._waits:
            self._waits = False
            if self._drawing.due():
                self._draw_in_time(trainer, epoch_ended=True)
            else:
                self._read_in_time(trainer, epoch_ended=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the last metrics and draw the picture."""
        self._finish(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Draw the picture of what was reached."""
        self._finish(trainer)

    def _finish(self, trainer: Trainer) -> None:
        shows, epoch_ended, self._shows, self._waits = self._shows, self._waits, False, False
        if shows:
            with never_fatal("NotebookCurves", print):
                self._add(trainer, epoch_ended)
                self._draw(trainer, ended=True)

    # Points

    def _read_earlier(self, folder: Path) -> None:
        try:
            columns = read_metrics(folder)
        except DlcoreError:  # not there, or changed by hand
            return
        for values in zip(*columns.values(), strict=True):
            row = {name: value for name, value in zip(columns, values, strict=True) if value is not None}
            _append(self._rows if _is_of_epoch(row) else self._steps, row)

    def _add(self, trainer: Trainer, epoch_ended: bool) -> None:
        """Append a row with the metrics that are new since the last one, of an epoch or from within one."""
        metrics = dict(trainer.callback_metrics)
        for name in [name for name in metrics if f"{name}_step" in metrics and not epoch_ended]:
            del metrics[name]  # within an epoch, it is the value of the step
        new = {name: value for name, value in metrics.items() if not same_value(value, self._known.get(name))}
        self._known |= metrics
        if new:
            row = {"step": float(trainer.global_step), "epoch": epochs_done(trainer)}
            row |= {name: float(value) for name, value in new.items()}
            _append(self._rows if epoch_ended or _is_of_epoch(row) else self._steps, row)

    def _columns(self) -> dict[str, Any]:
        by_step: dict[float, Row] = {}
        for row in sorted([*self._steps, *self._rows], key=lambda row: row["step"]):
            by_step[row["step"]] = by_step.get(row["step"], {}) | row
        names = dict.fromkeys(name for row in by_step.values() for name in row)
        columns = {name: [row.get(name) for row in by_step.values()] for name in names}
        return read_as_pairs(columns) if columns else {}

    # Drawing

    def _read_in_time(self, trainer: Trainer, epoch_ended: bool) -> None:
        """Read the metrics of an epoch or a validation; of many short ones only some, as reading takes time too."""
        if len(self._rows) < _ALL_ROWS or self._reading.due():
            began = time.monotonic()
            self._add(trainer, epoch_ended)
            self._reading.took(time.monotonic() - began)

    def _draw_in_time(self, trainer: Trainer, epoch_ended: bool) -> None:
        began = time.monotonic()
        with never_fatal("NotebookCurves", self._give_up):
            self._add(trainer, epoch_ended)
            self._draw(trainer)
        self._drawing.took(max(time.monotonic() - began, _LEAST))

    def _draw(self, trainer: Trainer, ended: bool = False) -> None:
        done, of = epochs_done(trainer), trainer.max_epochs
        title = f"{self._title}: epoch {round(done, 2):g}" + (f" of {of}" if of and of > 0 else "")
        columns = self._columns()
        drawn = self._quantities(trainer, columns)
        if not drawn:
            text = 'nothing was logged: self.log("train/loss", loss) in training_step' if ended else "no metric yet"
            self._output.show({"text/plain": f"{title}; {text}"})
        elif ended:
            picture = png_text(to_png(learning_curves(columns, title, drawn))[0])
            self._output.show({"image/png": picture, "text/plain": title})
        else:
            self._output.show({"image/svg+xml": live_curves(columns, title, drawn), "text/plain": title})

    def _give_up(self, text: str) -> None:
        self._shows = False
        print(text)

    def _quantities(self, trainer: Trainer, columns: dict[str, Any]) -> list[str]:
        """Return the loss and the monitored metric, or the main one, as far as they were logged."""
        monitor = getattr(trainer.checkpoint_callback, "monitor", None)
        watched = canonical_name(monitor).partition("/")[2] if monitor else "loss"
        wanted = dict.fromkeys(["loss", watched] if watched != "loss" else drawn_quantities(columns))
        return [name for name in wanted if {f"train/{name}", f"val/{name}"} & columns.keys()] or (
            ["loss"] if "train/loss_step" in columns else []
        )


def _metrics(row: Row) -> list[str]:
    return [name for name in row if name not in ("step", "epoch", "lr")]


def _is_of_epoch(row: Row) -> bool:
    """Return whether a row has metrics of an epoch or a validation, not only of a step."""
    return any(canonical_name(name).startswith("val/") or f"{name}_step" in row for name in row)


def _append(rows: list[Row], row: Row) -> None:
    """Append a row. Of too many, leave out every second one, but not those with a least or a greatest value."""
    rows.append(row)
    if len(rows) > _MOST_ROWS:
        names = {name for each in rows for name in _metrics(each)}
        best = {
            choose((each for each in rows if name in each), key=lambda each: each[name])["step"]
            for name in names
            for choose in (min, max)
        }
        rows[:] = [each for place, each in enumerate(rows) if place % 2 == 0 or each["step"] in best or each is row]
