"""Resumed optimization: a resumed run uses newly set values of its optimiser or schedule, not the saved ones."""

from __future__ import annotations

from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks import FineTuning, WeightAveraging
from dlcore.callbacks.fine_tuning import fine_tuning_of
from dlcore.config.merge import class_and_arguments
from dlcore.errors import ArgumentError
from dlcore.lightning_compat import callbacks_of
from dlcore.models import Model
from dlcore.models.optimization import schedule_of
from dlcore.optim.factories import stepped_schedule
from dlcore.optim.parameter_groups import FACTOR


class ResumedOptimization(Callback):
    """Override the optimiser and schedule state that Lightning restores from a checkpoint with newly set values.

    An optimiser of another class starts with empty state, without the averages of the old one. If the schedule or its
    base learning rate has other settings, the schedule is created again with them and stepped to the current step: the
    rate is the same as if the run had started with these settings.

    Args:
        kept: The model's settings in the checkpoint (``class_path``, ``init_args``).
        chosen: The model's settings of this run.

    Raises:
        ArgumentError: A setting of the schedule cannot be changed during a run.
    """

    def __init__(self, kept: dict[str, Any], chosen: dict[str, Any]) -> None:
        self._optimizer = _Change("optimizer", kept, chosen)
        self._schedule = _Change("lr_scheduler", kept, chosen)
        self._steps_of_schedule: int | None = None  # steps so far, if it must be created again
        for name in {"last_epoch", "interval"} & set(self._schedule.settings):
            value = self._schedule.settings[name]
            raise ArgumentError(
                f"model.lr_scheduler.{name}", "the one with which the run began", value, "Leave it out."
            )

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remove state that is no longer used from the checkpoint."""
        averages = any(isinstance(callback, WeightAveraging) for callback in callbacks_of(trainer))
        if "current_model_state" in checkpoint and not averages:
            # The averaging is switched off: continue with the weights, not with their average.
            pl_module.load_state_dict(checkpoint["current_model_state"])
        self._check_fine_tuning(trainer, checkpoint)
        if self._optimizer.other_class:
            checkpoint["optimizer_states"] = []
        if not isinstance(pl_module, Model):
            self._check_schedule_of_its_own(checkpoint)
            return
        states = checkpoint["lr_schedulers"]
        if self._schedule.other_class or not states:
            checkpoint["lr_schedulers"] = []
            return
        # A schedule over the whole run gets the run's new length.
        other_length = "total_steps" in states[0]
        changed = self._optimizer.other_class or "lr" in self._optimizer.settings or self._schedule.settings
        if changed or other_length:
            self._steps_of_schedule = states[0]["last_epoch"]
            checkpoint["lr_schedulers"] = []

    def _check_fine_tuning(self, trainer: Trainer, checkpoint: dict[str, Any]) -> None:
        """Check that a run with several learning rates keeps them: the optimiser's state is saved for each group."""
        kept = checkpoint.get("callbacks", {}).get(FineTuning.__qualname__)
        if kept and not self._optimizer.other_class and fine_tuning_of(trainer) is None:
            raise ArgumentError(
                "fine_tuning",
                "on, as when the run began: its layers have learning rates of their own",
                "off",
                "Leave it out; to unfreeze all: --fine_tuning.freeze_epochs 0",
            )

    def _check_schedule_of_its_own(self, checkpoint: dict[str, Any]) -> None:
        """Check that a module that creates its own schedule keeps the saved one: no other can be created here."""
        changes = {
            "optimizer": self._optimizer.other_class,
            "optimizer.lr": "lr" in self._optimizer.settings,
            "lr_scheduler": self._schedule.other_class or bool(self._schedule.settings),
        }
        changed = [name for name, is_so in changes.items() if is_so]
        if checkpoint["lr_schedulers"] and changed:
            raise ArgumentError(
                f"model.{changed[0]}",
                "what the run began with, since this module makes its own schedule, which goes on as it was saved",
                "another one",
                "Leave it out, or begin a new run.",
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Override the restored settings with the newly set ones."""
        if not trainer.optimizers:
            return
        optimizer = trainer.optimizers[0]
        settings = dict(self._optimizer.settings)
        rate = settings.pop("lr", None)
        for group in optimizer.param_groups:
            group.update(
                {
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in settings.items()
                    if name in group
                }
            )
            if rate is not None:
                group["lr"] = group["initial_lr"] = rate * group.get(FACTOR, 1.0)
        if self._steps_of_schedule is not None:
            make = lambda optimizer: schedule_of(cast(Model, pl_module), optimizer)[0]  # noqa: E731
            schedule = stepped_schedule(make, optimizer, self._steps_of_schedule)
            trainer.lr_scheduler_configs[0].scheduler = schedule


class _Change:
    """The difference between the saved and the new value of an argument that takes a class with settings."""

    def __init__(self, argument: str, kept: dict[str, Any], chosen: dict[str, Any]) -> None:
        before, now = (class_and_arguments((part.get("init_args") or {}).get(argument)) for part in (kept, chosen))
        self.other_class = before[0] != now[0]
        # Another class starts with its own settings; there is nothing to override.
        changed = {name: value for name, value in now[1].items() if before[1].get(name) != value}
        self.settings = {} if self.other_class else changed
