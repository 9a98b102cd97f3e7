"""Base of callbacks that act when new metrics are known: after each validation, or after an epoch that has none."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.events import record


class MetricCallback(Callback):
    """Calls `on_metrics` once for each new set of metrics, before the checkpoint that holds its consequences.

    An epoch that `max_steps` or a timer cuts short has no metrics of its own, unless it has validated.
    """

    _batches_at_start = -1
    _news: tuple[str, ...] = ()

    @abstractmethod
    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """New metrics are in `trainer.callback_metrics`."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note where the training starts: a run that is resumed from the end of an epoch ends it once more."""
        self._batches_at_start = trainer.fit_loop.epoch_loop.total_batch_idx

    def tell(self, trainer: Trainer, kind: str, news: str, **numbers: Any) -> None:
        """Print what was decided, and write it down as an event.

        It is printed at the end of an epoch below its line of the progress table, else at once.

        Args:
            trainer: The run's trainer.
            kind: What happened, one of `dlcore.tracking.timeline.KINDS`.
            news: The same for people, with its reason: a line.
            numbers: What else belongs to it.
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
        """Keep nothing back."""
        self._tell_news(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on a validation within a fit; the trial run of validation before it does not count."""
        if validates_in_fit(trainer):
            self.on_metrics(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on an epoch without validation."""
        # This counter is set to zero when an epoch starts, and checkpoints bring it back.
        validated = trainer.fit_loop.epoch_loop.val_loop.batch_progress.total.ready > 0
        if self._has_trained_epoch(trainer) and not validated:
            self.on_metrics(trainer, pl_module)
        self._tell_news(trainer)

    def _has_trained_epoch(self, trainer: Trainer) -> bool:
        """Whether an epoch ends that was trained to its end, and not ended once more."""
        return trainer.is_last_batch and trainer.fit_loop.epoch_loop.total_batch_idx != self._batches_at_start


def validates_in_fit(trainer: Trainer) -> bool:
    """Whether a validation of a fit runs, other than the trial run before it."""
    return trainer.state.fn == "fit" and not trainer.sanity_checking


def say(trainer: Trainer, *lines: Any) -> None:
    """Print what a callback has decided, once for all processes."""
    if trainer.is_global_zero:
        print(*lines, sep="\n")
