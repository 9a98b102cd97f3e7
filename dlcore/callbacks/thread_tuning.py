"""Choose the number of CPU threads by measuring: on a busy machine, fewer are faster."""

from __future__ import annotations

import math
import time
from typing import Any, final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.callbacks.metric_callback import record, say
from dlcore.errors import check_number
from dlcore.execution.per_batch_hooks import Position
from dlcore.translation import _

_BLOCK = 4  # batches that one number of threads takes in turn
_CLEARLY = 0.95  # of the time with the present number: by less, it stays


@final
class ThreadTuning(Callback):
    """Chooses the number of CPU threads that train: all that torch has, or half, a quarter, … of them.

    Threads of one operation wait for the slowest. If other work holds a core, all of them wait for it, and fewer
    threads are faster. From the start of an epoch on, a few batches with each number are timed in turns, and the
    fastest number is taken until the next trial. Each change is reported. The batches of a trial are ordinary training
    steps.

    The number of threads decides how sums are rounded, so two runs with the same seed may differ in the last digits. A
    resumed run begins with the number of its checkpoint. On another device than the CPU, in several processes and with
    one thread there is nothing to choose; a line reports it.

    Args:
        seconds: Time that a trial gives each number, in seconds, above 0.
        interval: Least time from one trial to the next, in seconds, at least 0; trials begin with an epoch.

    Raises:
        ArgumentError: A value is out of range.
    """

    def __init__(self, seconds: float = 0.2, interval: float = 30.0) -> None:
        check_number("seconds", seconds, above=0)
        check_number("interval", interval, at_least=0)
        self.seconds, self.interval = seconds, interval
        self._all = 0  # threads that torch had before
        self._threads = 0  # that are used between trials; 0: none chosen yet
        self._times: dict[
            int, list[float]
        ] = {}  # seconds of each batch of the trial, by number of threads; empty: none
        self._tried = -math.inf  # when the last trial ended
        self._began = 0.0  # the present batch

    def state_dict(self) -> dict[str, Any]:
        """Return the number of threads between trials."""
        return {"threads": self._threads}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        self._threads = state_dict["threads"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin with all threads, or with those of the checkpoint; report if there is nothing to choose."""
        self._all, self._times, self._tried = torch.get_num_threads(), {}, -math.inf
        reason = ""
        if trainer.world_size > 1:
            reason = _("a step of several processes waits for all of them")
        elif pl_module.device.type != "cpu":
            reason = _("the training runs on {device}").format(device=pl_module.device.type)
        elif self._all < 2:
            reason = _("torch has one thread (see OMP_NUM_THREADS)")
        if reason:
            self._tried = math.inf  # no trial
            say(trainer, _("Threads: not tuned, since {reason}.").format(reason=reason))
            return
        self._threads = min(self._threads or self._all, self._all)
        torch.set_num_threads(self._threads)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a trial if one is due."""
        if not self._times and time.monotonic() - self._tried >= self.interval:
            self._times = {max(self._all >> halved, 1): [] for halved in range(self._all.bit_length())}

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return 0 in a trial, else infinity."""
        return 0 if self._times else math.inf

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Set the number of threads whose turn it is."""
        if self._times:
            timed = self._timed()
            left = [each for each in self._times if sum(timed[each]) < self.seconds]
            torch.set_num_threads(min(left, key=lambda each: len(self._times[each]) // _BLOCK))
            self._began = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Note the time of the batch; end the trial when all numbers had theirs."""
        if not self._times:
            return
        self._times[torch.get_num_threads()].append(time.perf_counter() - self._began)
        timed = self._timed()
        if all(sum(times) >= self.seconds for times in timed.values()):
            self._choose(trainer, {each: sum(times) / len(times) for each, times in timed.items()})

    def _timed(self) -> dict[int, list[float]]:
        """Return the times that count: the first batch of a block also wakes the threads."""
        return {
            each: [took for place, took in enumerate(times) if place % _BLOCK] for each, times in self._times.items()
        }

    def _choose(self, trainer: Trainer, means: dict[int, float]) -> None:
        """Take the fastest number until the next trial, and report a change."""
        before, best = self._threads, min(means, key=lambda each: means[each])
        self._times, self._tried = {}, time.monotonic()
        if means[best] < _CLEARLY * means[before]:
            self._threads = best
            text = _("Threads: {best} instead of {before}: {fast:.2g} ms a batch, {slow:.2g} with {before}.").format(
                best=best, before=before, fast=1000 * means[best], slow=1000 * means[before]
            )
            record(trainer, "threads", text, threads=best, milliseconds={n: 1000 * mean for n, mean in means.items()})
            say(trainer, text)
        torch.set_num_threads(self._threads)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Set the number of threads that torch had before; Lightning calls no `teardown` after an error."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the number of threads that torch had before."""
        if self._all:
            torch.set_num_threads(self._all)
        self._all, self._times = 0, {}
