"""Check: is the schedule's length counted in the unit in which it is stepped, batches or epochs?

Shapes: S optimiser steps of the run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, MultiStepLR, OneCycleLR, PolynomialLR

from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.schedule_preview import SchedulePreview
from dlcore.models import Model
from dlcore.optim import PiecewiseConstantLR
from dlcore.torch_compat import single_schedules
from dlcore.translation import _

_NOTHING, _MOST = 0.0101, 0.75  # of the highest rate; of the run
_SWINGS = 4  # half periods of a cosine in a run, unless the user wants restarts
_NEAR = 3.0  # times the epochs of the run: a length that may be one in epochs
_MOVES = 0.95  # of the highest rate, at the end of the run: it hardly changes
_FAR = 50.0  # times the epochs of the run: a length that cannot be one in epochs


def check_schedule(case: Case, result: CheckResult) -> None:
    """Compare the length of each schedule with the steps and epochs of the run."""
    preview = case.schedule
    if not isinstance(preview, SchedulePreview):
        result.skip(_("the length of the run is not known"))
        return
    if not preview.name:
        unknown = _("the schedule is not known before the run")
        result.skip(unknown if case.trainer.lr_scheduler_configs else _("no schedule of the learning rate"))
        return
    optimizer = case.trainer.optimizers[0]
    for config in case.trainer.lr_scheduler_configs:
        if config.scheduler.optimizer is optimizer and not config.reduce_on_plateau:
            look = _stepped_per_batch if config.interval == "step" else _stepped_per_epoch
            parts = single_schedules(config.scheduler)
            if any(look(part, config.frequency, preview, case, result) for part in parts):
                return
    rates = preview.rates
    seen = _("{name}: learning rate {first:.3g} at the start, at most {most:.3g}, {last:.3g} at the end")
    result.ok(seen.format(name=preview.name, first=rates[0], most=rates.max(), last=rates[-1]))


def _stepped_per_batch(part: Any, frequency: int, preview: SchedulePreview, case: Case, result: CheckResult) -> bool:
    """Report a schedule that is over, or swings, within the first epochs."""
    rates, epoch = preview.rates, preview.steps_per_epoch
    epochs, (argument, length) = math.ceil(len(rates) / epoch), _length(part)
    steps, length = len(rates), length * frequency
    above = np.flatnonzero(rates > _NOTHING * rates.max())
    gone = int(above[-1]) + 1 if len(above) else 0  # the first step of which the rate, and all after it, are nothing
    swings = isinstance(part, CosineAnnealingLR) and length * _SWINGS <= steps
    ends = isinstance(part, MultiStepLR | PolynomialLR | PiecewiseConstantLR) and length < epoch
    numbers = {"name": type(part).__name__, "step": gone, "length": length, "steps": steps}
    if gone <= (1 - _MOST) * steps:
        seen = _(
            "{name} is stepped after each batch: the rate falls to 1% of its highest after {step:,} of {steps:,} steps"
        )
    elif swings and (length <= epoch / 2 or length == epochs):
        seen = _("{name} is stepped after each batch: the rate swings every {length:,} of {steps:,} steps")
    elif ends and length <= _NEAR * epochs:
        seen = _("{name} is stepped after each batch: it ends after {length:,} of {steps:,} steps, in the first epoch")
    elif isinstance(part, OneCycleLR):
        return _never_high(part, steps, preview, case, result)
    else:
        return False
    note = result.fail if gone <= (1 - _MOST) * steps else result.warn
    longer = f"{argument}={length * epoch:g}" if argument in ("T_max", "total_iters", "step_size") else ""
    note(
        seen.format(**numbers), *_other_unit(case, "epoch"), longer and _("{setting}: in steps").format(setting=longer)
    )
    return True


def _stepped_per_epoch(part: Any, frequency: int, preview: SchedulePreview, case: Case, result: CheckResult) -> bool:
    """Report a schedule that hardly begins in the run."""
    rates, steps = preview.rates, len(preview.rates)
    epochs, (argument, length) = math.ceil(steps / preview.steps_per_epoch), _length(part)
    if isinstance(part, OneCycleLR):
        return _never_high(part, epochs, preview, case, result)
    long = math.isfinite(length) and (length * frequency >= _FAR * epochs or 0.9 <= length / steps <= 1.1)
    if not long or length <= epochs or rates[-1] < _MOVES * rates.max():
        return False
    seen = _("{name} is stepped once an epoch: in {epochs:,} epochs the rate falls by only {share:.1%}")
    result.warn(
        seen.format(name=type(part).__name__, epochs=epochs, share=1 - rates[-1] / rates.max()),
        *_shorter(case, part, argument, epochs),
        *_other_unit(case, "step"),
    )
    return True


def _never_high(part: OneCycleLR, count: int, preview: SchedulePreview, case: Case, result: CheckResult) -> bool:
    """Report a cycle whose highest rate lies beyond the end of the run."""
    highest = part.optimizer.param_groups[0]["max_lr"]
    if preview.rates.max() >= 0.5 * highest:
        return False
    seen = _("OneCycleLR reaches {share:.0%} of max_lr: it takes {count:,} of its {length:,} steps in the run")
    steps = len(preview.rates)
    result.warn(
        seen.format(share=preview.rates.max() / highest, count=count, length=part.total_steps),
        *([] if count == steps else _other_unit(case, "step")),
        *_shorter(case, part, "total_steps", steps),
    )
    return True


def _length(part: Any) -> tuple[str, float]:
    """Return the argument that sets a schedule's length, and that length; infinite if it has none."""
    if isinstance(part, MultiStepLR):
        return "milestones", max(part.milestones, default=math.inf)
    if isinstance(part, PiecewiseConstantLR):
        return "boundaries", max(part.boundaries, default=math.inf)
    if isinstance(part, ExponentialLR):
        return "gamma", 1 / (1 - part.gamma) if part.gamma < 1 else math.inf
    for name in ("T_max", "total_steps", "total_iters", "step_size"):
        if hasattr(part, name):
            return name, getattr(part, name)
    return "", math.inf


def _shorter(case: Case, part: Any, argument: str, count: int) -> list[str]:
    """Return the setting with which a schedule is as long as the run."""
    fitting = {"gamma": f"{0.01 ** (1 / count):.3g}", "step_size": f"{max(1, count // 3)}"}
    value = fitting.get(argument, f"{count}")
    if argument in ("milestones", "boundaries"):
        return []
    if isinstance(case.model, Model):
        return [f"--model.lr_scheduler.{argument} {value}"]
    return [_("{setting}: as long as the run").format(setting=f"{argument}={value}")]


def _other_unit(case: Case, interval: str) -> list[str]:
    """Return the remedy that steps a schedule in the other unit."""
    if not isinstance(case.model, Model):
        return [_('"interval": "{interval}" in configure_optimizers, beside "scheduler"').format(interval=interval)]
    has_interval = any(hasattr(each.scheduler, "interval") for each in case.trainer.lr_scheduler_configs)
    return [f"--model.lr_scheduler.interval {interval}"] if has_interval else []
