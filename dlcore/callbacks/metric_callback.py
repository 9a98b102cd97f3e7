"""Base of callbacks that act when new metrics are known: after each validation, or after an epoch that has none."""

from __future__ import annotations

from abc import abstractmethod

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.errors import ArgumentError, nearest


class MetricCallback(Callback):
    """Calls `on_metrics` once for each new set of metrics, before the checkpoint that holds its consequences."""

    _acted_in_epoch = -1

    @abstractmethod
    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """New metrics are in `trainer.callback_metrics`."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on a validation within a fit; the trial run of validation before it does not count."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._acted_in_epoch = trainer.current_epoch
            self.on_metrics(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on an epoch without validation."""
        if self._acted_in_epoch != trainer.current_epoch:
            self.on_metrics(trainer, pl_module)


def read_monitor(trainer: Trainer, monitor: str, argument: str) -> float | None:
    """The value of a metric that a callback watches.

    Args:
        trainer: Where the metrics are.
        monitor: Name of the metric (``val/loss``).
        argument: Name of the argument that chose it (``early_stopping.monitor``), for the message.

    Returns:
        The value; None for one of the validation where this epoch had none.

    Raises:
        ArgumentError: Nothing logs a metric of that name; the message names those that are logged.
    """
    metrics = trainer.callback_metrics
    if monitor in metrics:
        return float(metrics[monitor])
    names = sorted(metrics)
    if monitor.startswith("val/") and trainer.enable_validation and not any(n.startswith("val/") for n in names):
        return None
    near = nearest(monitor, names)
    raise ArgumentError(
        argument,
        "a metric that is logged",
        monitor,
        (f"Did you mean {near!r}? " if near else "") + f"Logged are: {', '.join(names) or 'none'}.",
    )


def is_better(value: float, best: float | None, mode: str, min_delta: float = 0.0) -> bool:
    """Whether a value improves on the best so far by more than `min_delta`; NaN never does."""
    if value != value:
        return False
    if best is None:
        return True
    return value < best - min_delta if mode == "min" else value > best + min_delta
