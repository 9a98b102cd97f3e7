"""Base of callbacks that act on new metrics, after each validation or an epoch without one, and record events."""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.logged_figures import run_loggers


def record(trainer: Trainer, kind: str, text: str, **numbers: Any) -> None:
    """Write an event with the current step and epoch to each `RunLogger`; skip other loggers."""
    for logger in run_loggers(trainer):
        logger.log_event(kind, text, trainer.global_step, epochs_done(trainer), **numbers)


def epochs_done(trainer: Trainer) -> float:
    """Return the epochs trained so far, with a fraction, at any time during or after a fit."""
    epochs, batches = trainer.fit_loop.epoch_progress.current, trainer.num_training_batches
    # Lightning resets the batch counter when the next epoch starts, but counts the epoch when it ends.
    whole = epochs.completed - (epochs.completed >= epochs.started and epochs.completed > 0)  # type: ignore[attr-defined]
    within = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return round(whole + (within / batches if isinstance(batches, int) and batches else 0.0), 4)


def seen_from_here(path: Path) -> str:
    """Return a path relative to the working folder if it is inside; else its last four parts."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else os.path.join(*path.parts[-4:])  # noqa: PTH118


class MetricCallback(Callback):
    """Base callback that calls `on_metrics` once per new set of metrics, before the checkpoint is written.

    An epoch that `max_steps` or a timer ends early does not count, unless it has validated.
    """

    _batches_at_start = -1
    _news: tuple[str, ...] = ()

    @abstractmethod
    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Act on the new metrics in `trainer.callback_metrics`."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Store the first batch's index: a run resumed at the end of an epoch ends that epoch again."""
        self._batches_at_start = trainer.fit_loop.epoch_loop.total_batch_idx

    def tell(self, trainer: Trainer, kind: str, news: str, **numbers: Any) -> None:
        """Print a decision and record it as an event.

        At the end of an epoch, print it below the epoch's line in the progress table; else at once.

        Args:
            trainer: The run's trainer.
            kind: Kind of event, one of `dlcore.tracking.timeline.KINDS`.
            news: One line for users, with the reason.
            numbers: Further values of the event.
        """
        record(trainer, kind, news, **numbers)
        self._say_later(trainer, news)

    def _say_later(self, trainer: Trainer, news: str) -> None:
        if trainer.is_last_batch:
            self._news = (*self._news, news)
        else:
            say(trainer, news)

    def _tell_news(self, trainer: Trainer) -> None:
        if self._news:
            say(trainer, *self._news)
            self._news = ()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Print the pending lines."""
        self._tell_news(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on a validation within a fit, except the sanity check."""
        if validates_in_fit(trainer):
            self.on_metrics(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on an epoch without validation."""
        # This counter is reset when an epoch starts, and restored from checkpoints.
        validated = trainer.fit_loop.epoch_loop.val_loop.batch_progress.total.ready > 0
        if self._has_trained_epoch(trainer) and not validated:
            self.on_metrics(trainer, pl_module)
        self._tell_news(trainer)

    def _has_trained_epoch(self, trainer: Trainer) -> bool:
        """Return whether a fully trained epoch ends, and not again after a resume."""
        return trainer.is_last_batch and trainer.fit_loop.epoch_loop.total_batch_idx != self._batches_at_start


def validates_in_fit(trainer: Trainer) -> bool:
    """Return whether a validation within a fit is running, other than the sanity check."""
    return trainer.state.fn == "fit" and not trainer.sanity_checking


def say(trainer: Trainer, *lines: Any) -> None:
    """Print a callback's lines on rank 0 only."""
    if trainer.is_global_zero:
        print(*lines, sep="\n")
