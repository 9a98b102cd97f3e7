"""Base of callbacks that watch one metric: its mode, its name, its new values, the same for all processes."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from dlcore.callbacks.logged_names import is_mistyped, part_of, quantity_of
from dlcore.callbacks.metric_callback import MetricCallback, say, validates_in_fit
from dlcore.callbacks.metric_nature import has_metrics, nature_of
from dlcore.config.catalogue import section_name
from dlcore.errors import ArgumentError, nearest
from dlcore.processes import of_all_processes
from dlcore.tracking.metric_names import checked_mode, unknown_mode


class MonitorCallback(MetricCallback):
    """Calls `on_value` once for each new value of a metric: after a validation that logs it, or after an epoch.

    What it has seen belongs to a run: a fit that begins anew, with another trainer, begins with `reset`. Several
    processes act on one value: where theirs differ, on the mean of them.

    Args:
        monitor: The metric that is watched, as it is logged: ``val/loss``, ``val_acc``, ``train/loss``.
        mode: Whether a smaller (``min``) or a larger (``max``) value is better; ``auto``: as the metric's nature is.

    Attributes:
        mode: ``min`` or ``max``; ``auto`` as long as it is not known.
        monitor_is_found: Whether `WatchWhatIsLogged` finds the metric; then a resumed run takes it from the checkpoint.

    Raises:
        ArgumentError: The mode contradicts the metric's nature, or is not known, or nothing logs the metric.
    """

    monitor_is_found = False

    def __init__(self, monitor: str, mode: str) -> None:
        self.monitor = monitor
        self.mode = checked_mode(monitor, mode, self._section, argument="mode")
        self.wanted_mode = mode
        self._before: Any = None  # the value before a validation
        self._known: Any = None  # the value that was looked at last
        self._fresh_in_epoch = False  # whether a validation of this epoch has logged it
        self._has_validated = False
        self._told_of_mean = False
        self.reset()

    @abstractmethod
    def on_value(self, trainer: Trainer, model: LightningModule, value: float) -> None:
        """The metric has a new value."""

    def reset(self) -> None:
        """Forget what was seen: another run begins."""

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Nothing more than `on_value`."""

    # A run

    @property
    def state_key(self) -> str:
        """A name by the metric, so that two of a class, with different ones, keep a state each."""
        of_metric = {"monitor": None if self.monitor_is_found else self.monitor}
        return f"{type(self).__qualname__}{of_metric}"

    @property
    def _legacy_state_key(self) -> Any:
        return type(self).__qualname__  # as checkpoints of older versions have it

    def takes_up(self, state_dict: dict[str, Any]) -> bool:
        """Whether a checkpoint's state is that of the same metric and mode."""
        if self.monitor_is_found:
            self.monitor, self.mode = state_dict["monitor"], state_dict["mode"]
        modes = {self.mode, state_dict["mode"]} - {"auto"}
        return bool(state_dict["monitor"] == self.monitor and len(modes) < 2)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin anew, unless the trainer's run goes on. A checkpoint's state comes after this."""
        if stage == "fit" and trainer.global_step == 0:
            self.mode = checked_mode(self.monitor, self.wanted_mode, self._section)
            self.reset()

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find out before the first step whether the metric will be logged.

        Raises:
            ArgumentError: It will not.
        """
        self.check_logged(trainer, pl_module)

    def check_logged(self, trainer: Trainer, model: LightningModule) -> None:
        """Compare the metric's name with those that a validation has just logged.

        Raises:
            ArgumentError: It is none of them, and the model's code does not know it either.
        """
        mistyped = is_mistyped(self.monitor, trainer.callback_metrics, model, trainer)
        if trainer.strategy.reduce_boolean_decision(mistyped, all=True):
            raise self._missing(trainer)
        if self.monitor in trainer.callback_metrics:
            self._decide_mode(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See that there will be something to watch, and that it is known which values are better."""
        super().on_train_start(trainer, pl_module)
        if part_of(self.monitor) == "val" and not trainer.enable_validation:
            remedy = f"Watch train/loss, or switch it off: --{self._section} off"
            expected = "a metric of the training (no validation)"
            raise ArgumentError(f"{self._section}.monitor", expected, self.monitor, remedy)
        if self.mode == "auto" and not has_metrics(pl_module):  # whose nature is known when it is logged
            raise unknown_mode(self.monitor, self._section)
        self._has_validated = self._told_of_mean = False
        self.note_known(trainer)

    def note_known(self, trainer: Trainer) -> None:
        """Take the value that is there for one that was acted on: so it is where a run begins, and where it goes on."""
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
        """Await new values."""
        self._fresh_in_epoch = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the value before the validation: only a metric that the validation logs has another one after it."""
        if validates_in_fit(trainer):
            self._before = trainer.callback_metrics.get(self.monitor)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on a validation that has logged the metric."""
        if validates_in_fit(trainer):
            self._has_validated = True
            fresh = self._look(trainer, pl_module, self._before, must=part_of(self.monitor) == "val")
            self._fresh_in_epoch |= fresh
        super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Act on an epoch in which the training has logged the metric."""
        if self._has_trained_epoch(trainer) and not self._fresh_in_epoch:
            awaited = trainer.enable_validation and not self._has_validated and part_of(self.monitor) != "train"
            self._look(trainer, pl_module, self._known, must=not awaited)
        super().on_train_epoch_end(trainer, pl_module)

    def _look(self, trainer: Trainer, model: LightningModule, before: Any, must: bool) -> bool:
        """Act on the metric's value if it is another than before. All processes look at once.

        Args:
            trainer: Has the metrics.
            model: What is trained.
            before: The metric's earlier value, as it was found.
            must: Whether the metric must have been logged by now.

        Returns:
            Whether it was new.
        """
        now: Any = trainer.callback_metrics.get(self.monitor)
        self._known = now
        fresh = now is not None and not _same(now, before)
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
        if part_of(self.monitor) == "train":  # which no trial validation logs: its names are like those of validation
            like = [self.monitor.removesuffix(quantity_of(self.monitor)) + quantity_of(name) for name in names] + names
        near = nearest(self.monitor, like)
        remedies = [
            f"Did you mean {near!r}?" if near else "",
            f"Logged are: {', '.join(names) or 'none'}.",
            "" if trainer.enable_validation else "This run does not validate.",
        ]
        remedy = " ".join(filter(None, remedies))
        return ArgumentError(f"{self._section}.monitor", "a metric that is logged", self.monitor, remedy)


def _same(now: Any, before: Any) -> bool:
    """Whether two values are one: Lightning gives the same memory under a new tensor each time it is asked."""
    if isinstance(now, Tensor) and isinstance(before, Tensor):
        return now.data_ptr() == before.data_ptr()
    return now is before


def is_better(value: float, best: float | None, mode: str, min_delta: float = 0.0) -> bool:
    """Whether a value improves on the best so far by more than `min_delta`; NaN never does."""
    if value != value:
        return False
    if best is None:
        return True
    return value < best - min_delta if mode == "min" else value > best + min_delta
