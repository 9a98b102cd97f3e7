"""Base of callbacks that monitor one metric: its mode, its name and its new values, equal on all processes."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from dlcore.callbacks.logged_names import has_metrics, is_mistyped, nature_of, part_of, quantity_of
from dlcore.callbacks.metric_callback import MetricCallback, say, validates_in_fit
from dlcore.config.catalogue import section_name
from dlcore.errors import ArgumentError, nearest
from dlcore.processes import of_all_processes
from dlcore.tracking.metric_names import checked_mode, unknown_mode


class MonitorCallback(MetricCallback):
    """Base callback that calls `on_value` once per new value of a metric: after a validation or an epoch that logs it.

    Its state belongs to one run: a new fit with another trainer calls `reset`. All processes act on the same value: on
    the mean if their values differ.

    Args:
        monitor: Name of the monitored metric, as it is logged: ``val/loss``, ``val_acc``, ``train/loss``.
        mode: Whether a smaller (``min``) or a larger (``max``) value is better; ``auto``: decide by the metric.

    Attributes:
        mode: ``min`` or ``max``; ``auto`` while unknown.
        monitor_is_found: Whether `WatchWhatIsLogged` chooses the metric; then a resumed run reads it from a checkpoint.

    Raises:
        ArgumentError: The mode contradicts the metric or is unknown, or nothing logs the metric.
    """

    monitor_is_found = False
    saved: tuple[str, ...] = ()  # attributes of the subclass that a checkpoint holds

    def __init__(self, monitor: str, mode: str) -> None:
        self.monitor = monitor
        self.mode = checked_mode(monitor, mode, self._section, argument="mode")
        self.wanted_mode = mode
        self._before: Any = None  # the value before a validation
        self._known: Any = None  # the value read last
        self._fresh_in_epoch = False  # whether a validation of this epoch has logged it
        self._has_validated = False
        self._told_of_mean = False
        self.reset()

    @abstractmethod
    def on_value(self, trainer: Trainer, model: LightningModule, value: float) -> None:
        """Act on a new value of the metric."""

    def reset(self) -> None:
        """Reset the state for a new run."""

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Do nothing: subclasses act in `on_value`."""

    # A run

    @property
    def state_key(self) -> str:
        """Key with the metric's name, so that two callbacks of one class with different metrics each save a state."""
        of_metric = {"monitor": None if self.monitor_is_found else self.monitor}
        return f"{type(self).__qualname__}{of_metric}"

    @property
    def _legacy_state_key(self) -> Any:
        return type(self).__qualname__  # key in checkpoints of older versions

    def takes_up(self, state_dict: dict[str, Any]) -> bool:
        """Return whether a checkpoint's state has the same metric and mode."""
        if self.monitor_is_found:
            self.monitor, self.mode = state_dict["monitor"], state_dict["mode"]
        modes = {self.mode, state_dict["mode"]} - {"auto"}
        return bool(state_dict["monitor"] == self.monitor and len(modes) < 2)

    def state_dict(self) -> dict[str, Any]:
        """Return the metric, its mode and the attributes in `saved`; settings are not saved: the current ones apply."""
        return {name: getattr(self, name) for name in ("monitor", "mode", *self.saved)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the attributes of the resumed run, if its metric is the same."""
        if self.takes_up(state_dict):
            for name in self.saved:
                setattr(self, name, state_dict[name])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Reset the state for a new run. Lightning loads a checkpoint's state after this."""
        if stage == "fit" and trainer.global_step == 0:
            self.mode = checked_mode(self.monitor, self.wanted_mode, self._section)
            self.reset()

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before the first step that the metric will be logged.

        Raises:
            ArgumentError: It will not be logged.
        """
        self.check_logged(trainer, pl_module)

    def check_logged(self, trainer: Trainer, model: LightningModule) -> None:
        """Compare the metric's name with the names that a validation has just logged."""
        mistyped = is_mistyped(self.monitor, trainer.callback_metrics, model, trainer)
        if trainer.strategy.reduce_boolean_decision(mistyped, all=True):
            raise self._missing(trainer)
        if self.monitor in trainer.callback_metrics:
            self._decide_mode(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the metric can be logged in this run, and that its mode is or will be known."""
        super().on_train_start(trainer, pl_module)
        if part_of(self.monitor) == "val" and not trainer.enable_validation:
            remedy = f"Watch train/loss, or switch it off: --{self._section} off"
            expected = "a metric of the training (no validation)"
            raise ArgumentError(f"{self._section}.monitor", expected, self.monitor, remedy)
        if self.mode == "auto" and not has_metrics(pl_module):  # else its mode is known once it is logged
            raise unknown_mode(self.monitor, self._section)
        self._has_validated = self._told_of_mean = False
        self.note_known(trainer)

    def note_known(self, trainer: Trainer) -> None:
        """Mark the present value as processed, at the start of a run or after a resume."""
        self._known = trainer.callback_metrics.get(self.monitor)

    @property
    def _section(self) -> str:
        return section_name(type(self).__name__)

    def _decide_mode(self, trainer: Trainer) -> None:
        self.mode = checked_mode(self.monitor, self.wanted_mode, self._section, nature_of(trainer, self.monitor))
        if self.mode == "auto":
            raise unknown_mode(self.monitor, self._section)

    # New values

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the flag for a new value in this epoch."""
        self._fresh_in_epoch = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Store the value before the validation, to detect whether the validation logs a new one."""
        if validates_in_fit(trainer):
            self._before = trainer.callback_metrics.get(self.monitor)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act if the validation has logged the metric."""
        if validates_in_fit(trainer):
            self._has_validated = True
            fresh = self._inspect(trainer, pl_module, self._before, must=part_of(self.monitor) == "val")
            self._fresh_in_epoch |= fresh
        super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act if the training epoch has logged the metric."""
        if self._has_trained_epoch(trainer) and not self._fresh_in_epoch:
            awaited = trainer.enable_validation and not self._has_validated and part_of(self.monitor) != "train"
            self._inspect(trainer, pl_module, self._known, must=not awaited)
        super().on_train_epoch_end(trainer, pl_module)

    def _inspect(self, trainer: Trainer, model: LightningModule, before: Any, must: bool) -> bool:
        """Act on the metric's value if it is new. All processes must call this together.

        Args:
            trainer: Trainer with the metrics.
            model: The trained model.
            before: The metric's earlier value, as read from the trainer.
            must: Whether the metric must have been logged by now.
        """
        now: Any = trainer.callback_metrics.get(self.monitor)
        self._known = now
        fresh = now is not None and not same_value(now, before)
        state = torch.tensor([now is not None, fresh, float(now) if fresh else math.nan], dtype=torch.float64)
        states = torch.stack(of_all_processes(trainer, state, trainer.strategy.root_device))
        logged, value = bool(states[:, 0].any()), states[states[:, 1] > 0, 2]
        if must and not logged:
            raise self._missing(trainer)
        if not len(value):
            return False
        if self.mode == "auto":
            self._decide_mode(trainer)
        if len(value) > 1 and not torch.equal(value.nan_to_num(), value[:1].nan_to_num().expand_as(value)):
            self._tell_of_mean(trainer)
            value = value.mean(0, keepdim=True)
        self.on_value(trainer, model, value[0].item())
        return True

    def _tell_of_mean(self, trainer: Trainer) -> None:
        if not self._told_of_mean:
            self._told_of_mean = True
            how = "log it with sync_dist=True, or as a torchmetrics object"
            say(trainer, f"{self._section}: {self.monitor} differs between the processes; their mean counts ({how}).")

    def _missing(self, trainer: Trainer) -> ArgumentError:
        names = sorted(trainer.callback_metrics)
        like = names
        if part_of(self.monitor) == "train":  # not logged in the sanity check: compare with the validation's names
            like = [self.monitor.removesuffix(quantity_of(self.monitor)) + quantity_of(name) for name in names] + names
        near = nearest(self.monitor, like)
        remedies = [
            f"Did you mean {near!r}?" if near else "",
            f"Logged are: {', '.join(names) or 'none'}.",
            "" if trainer.enable_validation else "This run does not validate.",
        ]
        remedy = " ".join(filter(None, remedies))
        return ArgumentError(f"{self._section}.monitor", "a metric that is logged", self.monitor, remedy)


def same_value(now: Any, before: Any) -> bool:
    """Return whether two values are the same object; for tensors, the same memory: Lightning returns new tensors."""
    if isinstance(now, Tensor) and isinstance(before, Tensor):
        return now.data_ptr() == before.data_ptr()
    return now is before


def is_better(value: float, best: float | None, mode: str, min_delta: float = 0.0) -> bool:
    """Return whether a value improves on the best by more than `min_delta`; False for NaN."""
    if value != value:
        return False
    if best is None:
        return True
    return value < best - min_delta if mode == "min" else value > best + min_delta
