"""Check: number of optimiser steps in the run. Few updates learn little, however long an epoch takes."""

from __future__ import annotations

import math

from torch.optim import LBFGS

from dlcore.data.array_data import ArrayData
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.schedule_preview import SchedulePreview

_FEW = 200
_WISHED = 1000


def check_updates(case: Case, result: CheckResult) -> None:
    """Count the optimiser steps of an epoch and of the run."""
    schedule = case.schedule
    if not isinstance(schedule, SchedulePreview):
        if case.endless:
            result.warn("the run has no end", "--trainer.max_epochs 20", expected="an end")
        else:
            result.fail(str(schedule))
        return
    epoch, total = schedule.steps_per_epoch, len(schedule.rates)
    result.numbers |= {"epoch": epoch, "run": total}
    epochs = math.ceil(total / epoch)
    seen = f"{epoch:,} an epoch, {total:,} in the run of {epochs:,} epoch{'s' * (epochs != 1)}"
    if total >= _FEW or isinstance(case.optimizer(case.fresh_model()), LBFGS):
        result.ok(seen)
        return
    cut = 0 <= case.trainer.max_steps <= total
    remedies = [f"--trainer.max_steps {_WISHED}" if cut else f"--trainer.max_epochs {math.ceil(_WISHED / epoch)}"]
    data = case.datamodule
    if isinstance(data, ArrayData) and not cut:
        together = len(data.parts["train"]) * epochs / _WISHED / case.trainer.world_size
        size = 2 ** max(3, math.floor(math.log2(max(together, 8))))
        if size < data.batch_size:
            steps = math.ceil(len(data.parts["train"]) / size / case.trainer.world_size)
            remedies.insert(0, f"--data.batch_size {size}: {steps:,} updates an epoch")
    if case.trainer.limit_train_batches not in (1.0, None):
        remedies.insert(0, "--trainer.limit_train_batches 1.0: whole epochs")
    result.warn(f"few: {seen}", *remedies, expected=f"{_FEW} or more in the run")
