"""Exact resume: a run interrupted anywhere and resumed ends bit for bit like an uninterrupted one."""

from __future__ import annotations

import warnings
from typing import Any, final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.nn.parallel import DistributedDataParallel

from dlcore.callbacks.metric_callback import say
from dlcore.callbacks.monitor_callback import MonitorCallback
from dlcore.callbacks.resumable_order import ResumableOrder, unwatch_order, watch_order, why_not
from dlcore.callbacks.resume_state import (
    Position,
    changed_attributes,
    go_on_from,
    logged_sums,
    metric_states,
    plain_attributes,
    plain_copy,
    position,
    random_states,
    restore_attributes,
    restore_logged_sums,
    restore_metric_states,
    set_random_states,
)
from dlcore.lightning_compat import callbacks_of, gradients_wait, steps_of_validation, training_loaders
from dlcore.processes import statistics

_KEY = "exact_resume"  # in a checkpoint
# Whether DistributedDataParallel broadcasts rank 0's running statistics at its next forward pass: not while it
# accumulates gradients, nor in the first batch after a validation.
_GIVES = "require_forward_param_sync"


@final
class ExactResume(Callback):
    """Makes a resumed run end bit for bit like one that was never interrupted, whatever the module.

    It adds to each checkpoint what Lightning omits: the random states of Python, NumPy and torch; the position in a
    DataLoader's order, so that the run continues with the next batch and no sample is loaded twice; the sums of
    `self.log` in the epoch; the states of torchmetrics objects; accumulated gradients; each process's running
    statistics; and attributes of the module that the training has changed, if they are numbers, strings, tensors, or
    lists of these.
    The callback does not change a run that is not resumed.

    When a run resumes, it prints what cannot be restored: an IterableDataset without a state, random states of worker
    processes, a checkpoint from the middle of a step, another number of processes. The module's
    `on_train_batch_end` is not called again for the batch after which the checkpoint was written.

        Trainer(callbacks=[ExactResume(), ModelCheckpoint(every_n_train_steps=100)])
    """

    def __init__(self) -> None:
        self._kept: list[dict[str, Any]] = []  # states of all processes, from the checkpoint
        self._loops: dict[str, Any] = {}
        self._orders_kept: list[dict[str, Any] | None] = []
        self._attributes_before: dict[str, Any] = {}
        self._validation_steps: dict[int, int] = {}
        self._replaced: dict[str, Any] = {}  # methods of the strategy

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Wrap two methods of the strategy, to get each training loader and to run code before the first batch."""
        if stage != "fit" or self._replaced:
            return
        strategy = trainer.strategy
        self._replaced = {"process_dataloader": strategy.process_dataloader, "on_train_start": strategy.on_train_start}
        process, start = self._replaced.values()

        def process_dataloader(dataloader: object) -> object:
            processed = process(dataloader)
            if trainer.training:
                order = watch_order(processed)
                if self._orders_kept and (kept := self._orders_kept.pop(0)) and order is not None:
                    order.resume(kept)
            return processed

        def on_train_start() -> None:
            # Lightning calls this after the hooks of the same name, which may draw random numbers.
            start()
            self._begin(trainer, pl_module)

        strategy.process_dataloader = process_dataloader  # type: ignore[method-assign]
        strategy.on_train_start = on_train_start  # type: ignore[method-assign]

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore the strategy's methods and the loaders' samplers."""
        for name in self._replaced:
            vars(trainer.strategy).pop(name, None)
        self._replaced = {}
        for loader in training_loaders(trainer):
            unwatch_order(loader)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Restore strategy and loaders: after an exception, Lightning does not call `teardown` of callbacks."""
        self.teardown(trainer, pl_module, "fit")

    # Save

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the state that Lightning omits, of all processes."""
        if trainer.state.fn != "fit":
            return
        loop = trainer.fit_loop.epoch_loop
        loaders = training_loaders(trainer)
        batches = loop.batch_progress.current.ready
        orders = [_order(loader) for loader in loaders]
        gradients = {}
        if gradients_wait(trainer) or not pl_module.automatic_optimization:
            gradients = {name: each.grad for name, each in pl_module.named_parameters() if each.grad is not None}
        own = {
            "random": random_states(pl_module.device),
            "orders": [
                order and order.state(order.given if len(loaders) > 1 and not loader.num_workers else batches)
                for order, loader in zip(orders, loaders, strict=True)
            ],
            "logged": logged_sums(trainer),
            "metrics": metric_states(trainer, pl_module),
            "values": plain_copy(dict(trainer.callback_metrics)),
            "validation_steps": dict(steps_of_validation(trainer)),
            "attributes": changed_attributes(pl_module, self._attributes_before),
            "gradients": plain_copy(gradients),
            # Each process has its own, until DistributedDataParallel broadcasts rank 0's.
            "statistics": plain_copy(dict(statistics(pl_module.named_buffers()) if trainer.world_size > 1 else ())),
            "statistics_are_given": getattr(trainer.strategy.model, _GIVES, True),
        }
        all_of_them = [own]
        if trainer.world_size > 1:
            all_of_them = [{}] * trainer.world_size
            torch.distributed.all_gather_object(all_of_them, own)
        checkpoint[_KEY] = all_of_them

    # Restore

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Store the saved state until the training starts."""
        if trainer.state.fn != "fit":
            return
        self._kept = checkpoint.get(_KEY, [])
        self._loops = checkpoint["loops"]["fit_loop"]
        if not self._kept:
            say(trainer, "ExactResume: the checkpoint was written without it: the run goes on, but not bit for bit.")
        elif len(self._kept) != trainer.world_size:
            say(
                trainer,
                f"ExactResume: the checkpoint is of {len(self._kept)} processes, this run has {trainer.world_size}: it "
                "goes on, but not bit for bit.",
            )
            self._kept = []
        elif position(self._loops) is not Position.BETWEEN_EPOCHS:
            self._orders_kept = list(self._own()["orders"])

    def _own(self) -> dict[str, Any]:
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        return self._kept[rank]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the module's attributes before the module or the training changes them."""
        self._attributes_before = plain_attributes(pl_module)

    def _begin(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore everything, as the last action before the first batch."""
        if not self._kept:
            return
        kept = self._own()
        trainer.callback_metrics.update(plain_copy(kept["values"]))
        for callback in callbacks_of(trainer):
            if isinstance(callback, MonitorCallback):
                callback.note_known(trainer)
        self._validation_steps = kept.get("validation_steps", {})
        restore_metric_states(pl_module, kept["metrics"])
        restore_logged_sums(trainer, pl_module, kept["logged"])
        restore_attributes(pl_module, kept["attributes"])
        for name, parameter in pl_module.named_parameters():
            if name in kept["gradients"]:
                parameter.grad = kept["gradients"][name].to(parameter)
        for name, buffer in statistics(pl_module.named_buffers()):
            if name in kept.get("statistics", ()):
                buffer.copy_(kept["statistics"][name])
        if isinstance(wrapped := trainer.strategy.model, DistributedDataParallel):
            setattr(wrapped, _GIVES, kept.get("statistics_are_given", True))
        go_on_from(trainer, self._loops)
        self._say_what_is_lost(trainer)
        done = trainer.is_last_batch or (
            trainer.fit_loop.epoch_loop.batch_progress.current.ready == trainer.num_training_batches
        )
        for loader, state in zip(training_loaders(trainer), kept["orders"], strict=False):
            if state and (order := _order(loader)):
                order.restore_generators(state, done)
        set_random_states(kept["random"], pl_module.device)
        self._kept, self._loops, self._orders_kept = [], {}, []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the step counters for logging validation batches, which Lightning has just reset."""
        if self._validation_steps:
            steps_of_validation(trainer).update(self._validation_steps)
            self._validation_steps = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Clear the restart flag if only the epoch's end was left, so that the next epoch starts normally."""
        trainer.fit_loop.epoch_loop.restarting = False

    def _say_what_is_lost(self, trainer: Trainer) -> None:
        where = position(self._loops)
        within = where not in (Position.EPOCH_END, Position.BETWEEN_EPOCHS)
        loaders = training_loaders(trainer)
        lost = [reason for loader in loaders if within and (reason := why_not(loader))]
        lost = [f"{reason}. The epoch begins with its first batches again." for reason in lost]
        if where is Position.WITHIN_STEP:
            lost.append("the checkpoint was written in the middle of a step, which is taken again.")
        if within and any(getattr(loader, "num_workers", 0) for loader in loaders):
            lost.append("worker processes begin with new random numbers: what they draw differs.")
        for reason in lost:
            say(trainer, f"ExactResume: not bit for bit: {reason}")
        # Lightning warns for each DataLoader, since it does not know that the order is restored.
        if not lost:
            warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch")


def _order(loader: Any) -> ResumableOrder | None:
    places = (getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None))
    return next((each for each in places if isinstance(each, ResumableOrder)), None)
