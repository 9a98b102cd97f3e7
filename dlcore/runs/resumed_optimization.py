"""A run that goes on with other settings of its optimiser or schedule: what was chosen beats what was saved."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlcore.callbacks import WeightAveraging
from dlcore.configs.choice import class_and_arguments
from dlcore.errors import ArgumentError

# A cycle over the whole run is as long as the run is now.
_LENGTH_OF_ONE_CYCLE = ("total_steps", "_schedule_phases")


class ResumedOptimization(Callback):
    """Lays chosen settings over the state of optimiser and schedule that Lightning restores from a checkpoint.

    Another class begins afresh, without the averages of the old one. Another learning rate under a schedule is annealed
    as far as the old one was.

    Args:
        kept: The model's settings in the checkpoint (``class_path``, ``init_args``).
        chosen: The model's settings that count.

    Raises:
        ArgumentError: A setting of the schedule cannot be changed on the way.
    """

    def __init__(self, kept: dict[str, Any], chosen: dict[str, Any]) -> None:
        self._optimizer = _Change("optimizer", kept, chosen)
        self._schedule = _Change("lr_scheduler", kept, chosen)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Leave out what is not used any more."""
        averages = any(isinstance(callback, WeightAveraging) for callback in trainer.callbacks)  # type: ignore[attr-defined]
        if "current_model_state" in checkpoint and not averages:
            # The averaging is switched off: the training goes on with the weights, not with their average.
            pl_module.load_state_dict(checkpoint["current_model_state"])
        if self._optimizer.other_class:
            checkpoint["optimizer_states"] = []
        if self._schedule.other_class:
            checkpoint["lr_schedulers"] = []
        for state in checkpoint["lr_schedulers"]:
            for name in _LENGTH_OF_ONE_CYCLE:
                state.pop(name, None)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lay the chosen settings over the restored ones."""
        schedules = [config.scheduler for config in trainer.lr_scheduler_configs]
        for optimizer in trainer.optimizers:
            _change_optimizer(optimizer, dict(self._optimizer.settings), schedules, self._optimizer.other_class)
        for schedule in schedules:
            _change_schedule(schedule, self._schedule.settings)


class _Change:
    """What differs in an argument that holds a class with its settings."""

    def __init__(self, argument: str, kept: dict[str, Any], chosen: dict[str, Any]) -> None:
        before, now = (class_and_arguments((part.get("init_args") or {}).get(argument)) for part in (kept, chosen))
        self.other_class = before[0] != now[0]
        # A class of its own begins with its own settings; there is nothing to lay over.
        changed = {name: value for name, value in now[1].items() if before[1].get(name) != value}
        self.settings = {} if self.other_class else changed


def _change_optimizer(
    optimizer: Optimizer, settings: dict[str, Any], schedules: list[LRScheduler], is_new: bool
) -> None:
    rate = settings.pop("lr", None)
    for number, group in enumerate(optimizer.param_groups):
        for name, value in settings.items():
            if name in group:
                group[name] = tuple(value) if isinstance(value, list) else value
        base = group.get("initial_lr", group["lr"]) if is_new else rate
        if base is None:
            continue
        group["lr"] = base
        for schedule in schedules:
            before, annealed = schedule.base_lrs[number], schedule.get_last_lr()[number]
            group["lr"] = base * annealed / before if before else base
            group["initial_lr"] = schedule.base_lrs[number] = base


def _change_schedule(schedule: LRScheduler, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        if name == "last_epoch" or not hasattr(schedule, name):
            raise ArgumentError(
                f"model.lr_scheduler.{name}", "the value with which the run began", value, "Leave it out."
            )
        setattr(schedule, name, value)
