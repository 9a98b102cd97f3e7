"""Check: estimate the run's time by some real training steps, and whether memory and disk suffice."""

from __future__ import annotations

import math
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.execution.per_batch_hooks import Position
from dlcore.insight.model_summary import ModelSummary, summarize_model
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult, Verdict
from dlcore.insight.schedule_preview import SchedulePreview
from dlcore.insight.short_training import batch_size_of, detached_copy, shorten, validated
from dlcore.translation import _

_WARM_UP, _STEPS, _SECONDS = 3, 200, 3.0
_EVALUATED = 5  # validation batches
_TIGHT = 0.8  # share of the free memory or disk


def check_cost(case: Case, result: CheckResult) -> None:
    """Train a copy of the model for some seconds, as the run would, and extrapolate."""
    summary = summarize_model(case.model, case.datamodule)
    on_gpu = case.device.type == "cuda"
    batch = batch_size_of(case.batches[0])  # before the training, which leaves its loader somewhere within an epoch
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(case.device)
    validation = _validation_seconds(case)
    schedule = case.schedule  # computed before the trainer is changed
    norm = case.earlier.get("batch norm")
    if norm is not None and norm.verdict is Verdict.FAILED:
        result.skip(_("no time was measured: batch normalisation would stop the training"))
    elif not isinstance(schedule, SchedulePreview) and not case.endless:
        result.skip(_("no time was measured: the training would not begin"))
    else:
        watch = _Stopwatch()
        shorten(case.trainer, _STEPS, watch)
        _fit(case)
        _tell_time(schedule, watch.seconds_a_batch, validation, case, result)
    if on_gpu:
        memory = float(torch.cuda.get_device_properties(case.device).total_memory)
        _tell_memory(torch.cuda.max_memory_allocated(case.device), memory, _("peak on the GPU"), result)
    else:
        values = summary.output_bytes * batch
        kept = summary.weight_bytes + summary.gradient_bytes + (summary.optimizer_bytes or 0)
        parts = _("{kept} weights, gradients, {optimizer}; {values} values of a batch").format(
            kept=memory_size(kept), optimizer=summary.optimizer, values=memory_size(values)
        )
        _tell_memory(kept + values, free_memory(), parts, result)
    _tell_disk(summary, case, result)


def _fit(case: Case) -> None:
    try:
        case.trainer.fit(detached_copy(case.model), datamodule=case.datamodule)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Lightning turns Ctrl-C into a silent exit with 1
            raise KeyboardInterrupt from error
        raise


def _tell_time(schedule: Any, batch: float, validation: float, case: Case, result: CheckResult) -> None:
    result.numbers["seconds_a_batch"] = batch
    if not isinstance(schedule, SchedulePreview):
        result.ok(_("{ms:.3g} ms a training batch; the run's length is not known").format(ms=1000 * batch))
        return
    epoch = schedule.batches_per_epoch * batch
    every = case.trainer.check_val_every_n_epoch or 1
    epochs = len(schedule.rates) / schedule.steps_per_epoch
    run = epochs * (epoch + validation / every)
    result.numbers |= {"seconds_an_epoch": epoch, "seconds_a_validation": validation, "seconds_of_the_run": run}
    stops = any("early_stopping" in note for note in schedule.notes)
    seen = _("about {epoch} an epoch: {run} for the run")
    if validation > 0:
        seen = _("about {epoch} an epoch and {validation} a validation: {run} for the run")
    seen = seen.format(epoch=duration(epoch), validation=duration(validation), run=duration(run))
    result.ok(_("{seen}, if nothing stops it early").format(seen=seen) if stops else seen)


def _tell_memory(needed: float, free: float | None, what: str, result: CheckResult) -> None:
    result.numbers["memory"] = needed
    if free is None:
        result.ok(_("memory: {needed} ({what})").format(needed=memory_size(needed), what=what))
        return
    result.numbers["memory_free"] = free
    seen = _("memory: about {needed} ({what}), {free} free").format(
        needed=memory_size(needed), what=what, free=memory_size(free)
    )
    remedy = _("--data.batch_size N: smaller, with --trainer.accumulate_grad_batches for the same updates")
    _compare(needed, free, seen, remedy, result)


def _tell_disk(summary: ModelSummary, case: Case, result: CheckResult) -> None:
    """Compare free disk space with the best and the last checkpoint, and one more while it is written."""
    needed = 3 * (summary.weight_bytes + (summary.optimizer_bytes or 0))
    place = Path(case.trainer.default_root_dir).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    result.numbers |= {"disk": needed, "disk_free": free}
    seen = _("disk: {needed} for checkpoints, {free} free").format(needed=memory_size(needed), free=memory_size(free))
    _compare(needed, free, seen, _("--trainer.default_root_dir FOLDER: on a larger disk"), result)


def _compare(needed: float, free: float, seen: str, remedy: str, result: CheckResult) -> None:
    if needed <= _TIGHT * free:
        result.ok(seen)
    else:
        (result.fail if needed > free else result.warn)(seen, remedy)


def _validation_seconds(case: Case) -> float:
    """Return the seconds of a validation, estimated from some of its batches."""
    if not case.validates:
        return 0.0
    loaders = case.datamodule.val_dataloader()
    limit = case.trainer.limit_val_batches
    lengths = [len(each) for each in (loaders if isinstance(loaders, list | tuple) else [loaders])]
    batches = sum(min(length, limit) if isinstance(limit, int) else int(length * limit) for length in lengths)
    if not batches:
        return 0.0
    watch = _ValidationStopwatch()
    with validated(case.model, case.datamodule, case.trainer, watch, min(_EVALUATED, batches)):
        taken = watch.taken[1:] or watch.taken  # the first batch warms up
    return batches * sum(taken) / len(taken)


class _ValidationStopwatch(Callback):
    """Measures the batches of a validation."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._last = 0.0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._last = time.perf_counter()

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Record the time since the previous batch."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        now = time.perf_counter()
        self.taken.append(now - self._last)
        self._last = now


class _Stopwatch(Callback):
    """Measures the batches of a training, and stops it after enough of them."""

    hooks_of_every_batch = ("on_train_batch_end",)

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._begun = 0.0

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return infinity: do not split the fast path's steps, which are measured as they are."""
        return math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._begun = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the time; all processes stop together."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        self._ends.append(time.perf_counter())
        enough = self._ends[-1] - self._begun > _SECONDS
        if trainer.world_size > 1:
            enough = trainer.strategy.reduce_boolean_decision(enough, all=False)
        trainer.should_stop = trainer.should_stop or enough

    @property
    def seconds_a_batch(self) -> float:
        """Mean time from one batch to the next, after warm-up."""
        ends = [self._begun, *self._ends]
        ends = ends[min(_WARM_UP, len(ends) - 2) :]
        return (ends[-1] - ends[0]) / (len(ends) - 1)


def duration(seconds: float) -> str:
    """Format a duration in a suitable unit."""
    if seconds < 1:
        return f"{1000 * seconds:.2g} ms" if seconds < 0.0995 else f"{1000 * seconds:.0f} ms"
    if seconds < 100:
        return f"{seconds:.2g} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.2g} min"
    return f"{seconds / 3600:,.1f} h"


_MEMINFO = Path("/proc/meminfo")
_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container (cgroup v2)
_USED = Path("/sys/fs/cgroup/memory.current")


def free_memory() -> float | None:
    """Return the bytes that a process may still allocate; None if the system does not report it (not Linux)."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        found.append(int(_LIMIT.read_text(encoding="ascii")) - int(_USED.read_text(encoding="ascii")))
    return min(found, default=None)


def memory_size(size: float) -> str:
    """Format a number of bytes in a suitable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
