"""Base of callbacks that act when new metrics are known: after each validation, or after an epoch that has none."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.events import record
from dlcore.configs.catalogue import section_name
from dlcore.errors import ArgumentError, nearest


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
        """Note where the training starts: a run that is resumed from the end of an epoch ends it once more.

        Raises:
            ArgumentError: It watches a metric of the validation, and there is none.
        """
        monitor = getattr(self, "monitor", "")
        if monitor.startswith("val/") and not trainer.enable_validation:
            section = section_name(type(self).__name__)
            remedy = f"Watch train/loss, or switch it off: --{section} off"
            raise ArgumentError(f"{section}.monitor", "a metric of the training (no validation)", monitor, remedy)
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
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.on_metrics(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on an epoch without validation."""
        loop = trainer.fit_loop.epoch_loop
        trained = loop.total_batch_idx != self._batches_at_start
        # This counter is set to zero when an epoch starts, and checkpoints bring it back.
        validated = loop.val_loop.batch_progress.total.ready > 0
        if trained and trainer.is_last_batch and not validated:
            self.on_metrics(trainer, pl_module)
        self._tell_news(trainer)


def read_monitor(trainer: Trainer, monitor: str, argument: str) -> float | None:
    """The new value of a metric that a callback watches.

    Args:
        trainer: Where the metrics are.
        monitor: Name of the metric (``val/loss``).
        argument: Name of the argument that chose it (``early_stopping.monitor``), for the message.

    Returns:
        The value; None for one of the validation when it is not the validation that has just ended.

    Raises:
        ArgumentError: Nothing logs a metric of that name; the message names those that are logged.
    """
    metrics = trainer.callback_metrics
    if monitor.startswith("val/") and trainer.enable_validation and not trainer.validating:
        return None  # the trainer still has the value of the validation before
    if monitor in metrics:
        return float(metrics[monitor])
    names = sorted(metrics)
    near = nearest(monitor, names)
    remedies = [
        f"Did you mean {near!r}?" if near else "",
        f"Logged are: {', '.join(names) or 'none'}.",
        "" if trainer.enable_validation else "This run does not validate.",
    ]
    raise ArgumentError(argument, "a metric that is logged", monitor, " ".join(filter(None, remedies)))


def is_better(value: float, best: float | None, mode: str, min_delta: float = 0.0) -> bool:
    """Whether a value improves on the best so far by more than `min_delta`; NaN never does."""
    if value != value:
        return False
    if best is None:
        return True
    return value < best - min_delta if mode == "min" else value > best + min_delta


def say(trainer: Trainer, *lines: Any) -> None:
    """Print what a callback has decided, once for all processes."""
    if trainer.is_global_zero:
        print(*lines, sep="\n")
