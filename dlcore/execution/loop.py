"""Lightning's epoch loop, divided into executions: several training steps without hooks, then one with all hooks.

Lightning's work around each batch (hooks of callbacks, module, strategy and precision; progress; logging) takes one to
two milliseconds, as long as a small network's training step. An execution takes several steps without it, and one with
it. It ends at the next event: a value is logged, a checkpoint or a validation is due, a callback needs a hook, or the
epoch or the run ends.
"""

from __future__ import annotations

import math
import time
from typing import Any, Literal

import torch
from lightning.fabric.utilities import rank_zero_info
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.loops.fetchers import _DataFetcher, _DataLoaderIterDataFetcher
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.plugins.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden

from dlcore.execution.batch_fetch import fetch_by_index
from dlcore.execution.deferred_metrics import DeferredMetrics
from dlcore.execution.fast_log import FastLog
from dlcore.execution.per_batch_hooks import Position, needs_each_batch, skippable_batches, with_hook_of_every_batch
from dlcore.execution.quiet_step import BatchTransfer, QuietStep
from dlcore.lightning_compat import callbacks_of

Steps = int | Literal["auto"]

_SECONDS = 0.1  # time limit of an execution on one device before its last step, if `steps` is "auto"
_BATCHES = 64  # batch limit of an execution on several devices, which must agree and have different clocks


class ExecutionLoop(_TrainingEpochLoop):
    """Epoch loop that runs in executions.

    Args:
        trainer: The trainer whose epoch loop this one replaces.
        steps: Optimiser steps of an execution; ``auto``: up to the next event.

    Attributes:
        reason: Why steps are taken one by one; empty if they are not.
    """

    def __init__(self, trainer: Trainer, steps: Steps = "auto") -> None:
        before = trainer.fit_loop.epoch_loop
        super().__init__(trainer, before.min_steps, before.max_steps)
        self.__dict__.update(vars(before))  # counters of an earlier fit
        self.steps = steps
        self.reason = ""
        self._quiet: QuietStep | None = None

    @staticmethod
    def can_replace(loop: Any) -> bool:
        """Return whether an epoch loop is Lightning's own class, not a subclass."""
        return type(loop) is _TrainingEpochLoop

    def on_run_start(self, data_fetcher: _DataFetcher) -> None:
        """Decide at the start of an epoch whether steps can be taken without hooks."""
        super().on_run_start(data_fetcher)
        trainer, module = self.trainer, self.trainer.lightning_module
        self._quiet = None
        if self.steps == 1:
            return
        before, self.reason = self.reason, reason_against(trainer, module, data_fetcher)
        together = trainer.world_size > 1
        if together and trainer.strategy.reduce_boolean_decision(bool(self.reason), all=False) and not self.reason:
            self.reason = "another process takes its steps one by one"  # processes synchronise in each step
        if self.reason != before and self.reason:
            rank_zero_info(f"StepsPerExecution takes steps one by one: {self.reason}.")
        fetch_by_index(data_fetcher)
        if self.reason:
            return
        self._quiet = QuietStep(trainer, module)
        self._transfer = BatchTransfer(trainer)
        self._started = with_hook_of_every_batch(callbacks_of(trainer), "on_train_batch_start")
        self._ended = with_hook_of_every_batch(callbacks_of(trainer), "on_train_batch_end")
        # Do not replace an overridden `log`, nor anything in a compiled module.
        compiled = getattr(module, "_compiler_ctx", None) is not None
        plain = type(module).log is LightningModule.log and not compiled
        self._metrics = None if compiled else DeferredMetrics(module)
        self._log = FastLog(module, self._results, self._metrics) if plain and self._metrics else None

    def advance(self, data_fetcher: _DataFetcher) -> None:
        """Take steps without hooks, then one with all hooks."""
        # The first step of an epoch runs with all hooks: it creates the entries of `self.log`.
        if self._quiet is not None and not self.restarting and self.batch_progress.current.ready > 0:
            batches = self._skippable_batches()
            if batches > 0 and self._take(data_fetcher, batches):
                return
        super().advance(data_fetcher)

    def _skippable_batches(self) -> int:
        trainer = self.trainer
        each = trainer.accumulate_grad_batches
        position = Position(
            self.batch_progress.current.ready, int(trainer.num_training_batches), self.global_step, each
        )
        most: float = position.batches - position.batch_idx - 1
        if self.steps != "auto":
            most = min(most, self.steps * each - 1)
        elif trainer.world_size > 1:
            most = min(most, _BATCHES)
        untyped: Any = trainer  # Lightning declares no type for the interval; 0: never
        if every := untyped.log_every_n_steps:
            logged = (self._batches_that_stepped // every + 1) * every - self._batches_that_stepped
            most = min(most, position.batches_before(position.step + logged))
        if self.max_steps >= 0:
            most = min(most, position.batches_before(self.max_steps))
        if most > 0 and self._should_check_val_epoch() and trainer.val_check_batch != math.inf:
            of_run = trainer.check_val_every_n_epoch is None
            done = self.batch_progress.total.ready if of_run else position.batch_idx
            most = min(most, -(done + 1) % int(trainer.val_check_batch or 1))
        if most > 0:
            most = min(most, skippable_batches(callbacks_of(trainer), trainer, position))
        if trainer.world_size > 1:  # the same number on all: they synchronise in each step
            number = torch.tensor(float(most), device=trainer.strategy.root_device)
            most = trainer.strategy.reduce(number, reduce_op="min").item()
        return int(most)

    def _take(self, data_fetcher: _DataFetcher, batches: int) -> bool:
        """Take steps without hooks; return whether the last one set `should_stop`."""
        trainer: Any = self.trainer
        module, quiet = trainer.lightning_module, self._quiet
        assert quiet is not None
        end = time.monotonic() + _SECONDS if self.steps == "auto" and trainer.world_size == 1 else math.inf
        trainer._logger_connector._first_loop_iter = False  # else logged values would be reset
        quiet.start()
        if self._metrics is not None:
            self._metrics.start()
        if self._log is not None:
            object.__setattr__(module, "log", self._log)
        before, module._current_fx_name = module._current_fx_name, "training_step"
        try:
            for _ in range(batches):
                self._one(trainer, module, quiet, data_fetcher)
                if trainer.should_stop:
                    break
                if not self._should_accumulate():
                    self._batches_that_stepped += 1
                if time.monotonic() > end:
                    break
        finally:
            module._current_fx_name = before
            vars(module).pop("log", None)
            if self._metrics is not None:
                self._metrics.finish(values=trainer.should_stop)
            if not trainer.should_stop:
                self._results.batch = self._results.batch_size = None
        if not trainer.should_stop:
            return False
        # The step that set `should_stop` is the epoch's last. Lightning then ends the epoch as usual.
        if self._log is not None:
            self._log.take_values_of_metrics()
        write_step(trainer)
        return True

    def _one(self, trainer: Any, module: LightningModule, quiet: QuietStep, data_fetcher: _DataFetcher) -> None:
        progress, results = self.batch_progress, self._results
        batch, _, _ = next(data_fetcher)
        batch_idx = progress.current.ready
        batch = self._transfer(batch)
        progress.is_last_batch = False
        progress.increment_ready()
        results.batch, results.batch_size = batch, None
        for callback in self._started:
            callback.on_train_batch_start(trainer, module, batch, batch_idx)
        progress.increment_started()
        output = quiet(batch, batch_idx)
        progress.increment_processed()
        for callback in self._ended:
            callback.on_train_batch_end(trainer, module, output, batch, batch_idx)
        quiet.end_batch(output, batch, batch_idx)
        progress.increment_completed()


# Module hooks that control how a step is taken, or whether.
_DECIDING_HOOKS = ("optimizer_step", "on_train_batch_start", "manual_backward")


def reason_against(trainer: Trainer, module: LightningModule, data_fetcher: _DataFetcher) -> str:
    """Return why steps must be taken one by one; empty if not."""
    name = type(module).__name__
    if not module.automatic_optimization:
        return f"{name} has manual optimisation"
    if len(trainer.optimizers) != 1:
        return f"{name} has {len(trainer.optimizers)} optimisers"
    if own := [hook for hook in _DECIDING_HOOKS if is_overridden(hook, module)]:
        return f"{name} overrides {own[0]}"
    if any(each.interval == "step" and each.reduce_on_plateau for each in trainer.lr_scheduler_configs):
        return "a ReduceLROnPlateau reads a metric after each step"
    if looking := [each for each in callbacks_of(trainer) if needs_each_batch(each)]:
        return (
            f"the callback {type(looking[0]).__name__} has hooks for each batch (an attribute skippable_batches would "
            "say when it needs them)"
        )
    if trainer.fit_loop.epoch_loop.automatic_optimization._skip_backward:
        return "StochasticWeightAveraging updates running statistics in this epoch"
    precision = trainer.precision_plugin
    scaled = isinstance(precision, MixedPrecision) and precision.scaler is not None
    if scaled or type(precision) not in (Precision, DoublePrecision, HalfPrecision, MixedPrecision):
        return f"precision {trainer.precision} scales gradients"
    strategy = trainer.strategy
    if type(strategy) not in (SingleDeviceStrategy, DDPStrategy) or getattr(strategy, "_ddp_comm_state", None):
        return f"{type(strategy).__name__} has its own way of taking a step"
    if not isinstance(trainer.profiler, PassThroughProfiler):  # type: ignore[attr-defined]
        return "the profiler measures each step"
    if trainer.num_training_batches == math.inf or isinstance(data_fetcher, _DataLoaderIterDataFetcher):
        return "the data do not say how many batches an epoch has"
    if trainer._val_check_time_interval is not None:  # type: ignore[attr-defined]
        return "validation goes by the clock (val_check_interval)"
    return ""


def write_step(trainer: Trainer) -> None:
    """Send the current step's values to the loggers, as Lightning does after `on_train_batch_end`."""
    trainer._logger_connector.on_batch_end()
    trainer._logger_connector.update_train_step_metrics()


def write_step_early(trainer: Trainer, loggers: list[Logger]) -> None:
    """Send the current step's values to some of the loggers; Lightning sends them to all after `on_train_batch_end`."""
    every, trainer.loggers = trainer.loggers, loggers
    try:
        trainer._logger_connector.update_train_step_metrics()
    finally:
        trainer.loggers = every
