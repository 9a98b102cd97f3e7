"""Several optimiser steps in one Lightning step: same order, same weights, same counts, fewer hooks.

What Lightning does around each batch (hooks of callbacks, the model, the strategy and the precision; progress; logging)
takes one to two milliseconds, as long as a small network's training step. An execution is a number of quiet steps, of
which nobody need hear, and then one with everything. It ends wherever something happens: a value is logged, a
checkpoint or a validation is due, a callback wants to look, the epoch or the run ends.
"""

from __future__ import annotations

import math
import time
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.core.hooks import DataHooks
from lightning.pytorch.loops.fetchers import _DataFetcher, _DataLoaderIterDataFetcher
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.plugins.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from dlcore.callbacks.metric_callback import say
from dlcore.errors import check_number
from dlcore.execution.per_batch_hooks import Position, needs_each_batch, skippable_batches, with_hook_of_every_batch
from dlcore.models.model import Model
from dlcore.models.steps import QuietSteps, Steps

StepsPerExecution = int | Literal["auto"]

_SECONDS = 0.1  # that an execution on one device may take in quiet steps, where its length is dlcore's to choose
_MOST = 64  # batches of one on several devices, which must agree and so cannot go by their clocks

# What a model's own class may not change, or its steps are taken one by one.
_MODEL_HOOKS = (
    *("training_step", "backward", "manual_backward", "on_train_batch_start", "on_train_batch_end"),
    *("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step"),
    *("optimizer_step", "optimizer_zero_grad", "clip_gradients", "configure_gradient_clipping"),
)


class ExecutionLoop(_TrainingEpochLoop):
    """An epoch, in executions.

    Args:
        trainer: The trainer, whose loop this one takes the place of.
        steps: Optimiser steps of an execution; ``auto``: as many as there are up to the next event.

    Attributes:
        reason: Why each step is an execution of its own; empty where there is no reason.
    """

    def __init__(self, trainer: Trainer, steps: StepsPerExecution = "auto") -> None:
        before = trainer.fit_loop.epoch_loop
        super().__init__(trainer, before.min_steps, before.max_steps)
        if steps != "auto":
            check_number("steps_per_execution", steps, at_least=1, whole=True)
        self.steps = steps
        self.reason = ""
        self._quiet: QuietSteps | None = None
        self._ordinary: Steps | None = None

    def on_run_start(self, data_fetcher: _DataFetcher) -> None:
        """Find out, at the beginning of an epoch, whether steps can be taken together."""
        super().on_run_start(data_fetcher)
        trainer, model = self.trainer, self.trainer.lightning_module
        before, self.reason = self.reason, "" if self.steps == 1 else _reason(trainer, model, data_fetcher)
        together = self.steps != 1 and trainer.world_size > 1
        if together and trainer.strategy.reduce_boolean_decision(bool(self.reason), all=False) and not self.reason:
            self.reason = "another process takes steps one by one"  # they meet in each of them
        if self.reason != before and self.reason:
            say(trainer, f"steps_per_execution is 1: {self.reason}.")
        if self.steps == 1 or self.reason or not isinstance(model, Model):
            self._quiet = None
            return
        self._quiet = QuietSteps(model, trainer, with_hook_of_every_batch(trainer.callbacks, "on_before_backward"))  # type: ignore[attr-defined]
        self._ordinary = model.steps
        self._started = with_hook_of_every_batch(trainer.callbacks, "on_train_batch_start")  # type: ignore[attr-defined]
        self._ended = with_hook_of_every_batch(trainer.callbacks, "on_train_batch_end")  # type: ignore[attr-defined]

    def advance(self, data_fetcher: _DataFetcher) -> None:
        """Take quiet steps, and then one with everything."""
        if self._quiet is not None and not self.restarting and (batches := self._skippable_batches()) > 0:
            self._take(data_fetcher, batches)
        super().advance(data_fetcher)

    def _skippable_batches(self) -> int:
        """How many of the next batches nothing happens in."""
        trainer = self.trainer
        model: Any = trainer.lightning_module
        each = int(model.accumulate_grad_batches)
        position = Position(
            self.batch_progress.current.ready, int(trainer.num_training_batches), self.global_step, each
        )
        most: float = position.batches - position.batch_idx - 1
        if self.steps != "auto":
            most = min(most, self.steps * each - 1)
        elif trainer.world_size > 1:
            most = min(most, _MOST)
        if every := trainer.log_every_n_steps:  # type: ignore[attr-defined]
            most = min(most, position.batches_before_multiple(every))
        if self.max_steps >= 0:
            most = min(most, position.batches_before(self.max_steps))
        if most > 0 and self._should_check_val_epoch() and trainer.val_check_batch != math.inf:
            of_run = trainer.check_val_every_n_epoch is None
            done = self.batch_progress.total.ready if of_run else position.batch_idx
            most = min(most, -(done + 1) % int(trainer.val_check_batch or 1))
        most = min(most, skippable_batches(trainer.callbacks, trainer, position)) if most > 0 else most  # type: ignore[attr-defined]
        if trainer.world_size > 1:  # all take as many: they meet in each step
            number = torch.tensor(float(most), device=trainer.strategy.root_device)
            most = trainer.strategy.reduce(number, reduce_op="min").item()
        return int(most)

    def _take(self, data_fetcher: _DataFetcher, batches: int) -> None:
        trainer = self.trainer
        model: Any = trainer.lightning_module
        progress, precision = self.batch_progress, trainer.precision_plugin
        end = time.monotonic() + _SECONDS if self.steps == "auto" and trainer.world_size == 1 else math.inf
        transfer = _Transfer(trainer)
        quiet: QuietSteps = self._quiet  # type: ignore[assignment]
        quiet.begin()
        model.steps = quiet
        try:
            for _ in range(batches):
                batch, _, _ = next(data_fetcher)
                batch_idx = progress.current.ready
                batch = transfer(batch)
                progress.is_last_batch = False
                progress.increment_ready()
                for callback in self._started:
                    callback.on_train_batch_start(trainer, model, batch, batch_idx)
                progress.increment_started()
                with precision.train_step_context():
                    model.update(batch, batch_idx)
                progress.increment_processed()
                for callback in self._ended:
                    callback.on_train_batch_end(trainer, model, None, batch, batch_idx)
                progress.increment_completed()
                self._batches_that_stepped += 1  # Lightning's own count of batches, which checkpoints hold
                if time.monotonic() > end:
                    break
        finally:
            model.steps = self._ordinary


class _Transfer:
    """What Lightning does with a batch before its step: precision, the data's own hooks, the way to the device.

    Args:
        trainer: Whose device and precision are meant.
    """

    def __init__(self, trainer: Trainer) -> None:
        chosen: Any = trainer._data_connector._datahook_selector
        self._convert = trainer.precision_plugin.convert_input
        self._before = chosen.get_instance("on_before_batch_transfer").on_before_batch_transfer
        self._move = chosen.get_instance("transfer_batch_to_device").transfer_batch_to_device
        self._after = chosen.get_instance("on_after_batch_transfer").on_after_batch_transfer
        self._device = trainer.strategy.root_device
        # What lies in the CPU's memory need not go there.
        self._stays = self._device.type == "cpu" and self._move.__func__ is DataHooks.transfer_batch_to_device

    def __call__(self, batch: Any) -> Any:
        batch = self._before(self._convert(batch), 0)
        if not self._stays:
            batch = self._move(batch, self._device, 0)
        return self._after(batch, 0)


def _reason(trainer: Trainer, model: LightningModule, data_fetcher: _DataFetcher) -> str:
    """Why steps cannot be taken together; empty where they can."""
    if not isinstance(model, Model):
        return f"{type(model).__name__} is no dlcore.models.Model, which says what one optimiser step is"
    own = [name for name in _MODEL_HOOKS if getattr(type(model), name) is not getattr(Model, name)]
    if own:
        return f"{type(model).__name__} has a hook of its own for each step ({own[0]})"
    if looking := [each for each in trainer.callbacks if needs_each_batch(each)]:  # type: ignore[attr-defined]
        return f"the callback {type(looking[0]).__name__} looks at each batch"
    precision = trainer.precision_plugin
    scaled = isinstance(precision, MixedPrecision) and precision.scaler is not None
    if scaled or type(precision) not in (Precision, DoublePrecision, HalfPrecision, MixedPrecision):
        return f"precision {trainer.precision} scales gradients"
    if type(trainer.strategy) not in (SingleDeviceStrategy, DDPStrategy):
        return f"{type(trainer.strategy).__name__} has its own way of taking a step"
    if not isinstance(trainer.profiler, PassThroughProfiler):  # type: ignore[attr-defined]
        return "the profiler looks at each step"
    if trainer.num_training_batches == math.inf or isinstance(data_fetcher, _DataLoaderIterDataFetcher):
        return "the data do not say how many batches an epoch has"
    if trainer._val_check_time_interval is not None:  # type: ignore[attr-defined]
        return "validation goes by the clock (trainer.val_check_interval)"
    return ""
