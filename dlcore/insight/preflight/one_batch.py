"""Check: can the network overfit one small batch, with the recipe's optimiser and learning rate?

If it cannot, it will learn nothing from many batches. Schedule, warm-up, dropout and augmentation are off.

Reference: Karpathy (2019), "A Recipe for Training Neural Networks": "overfit a single batch".
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import GradClipAlgorithmType
from torch import nn
from torch.optim import LBFGS, Adadelta

from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.first_loss import attainable_losses
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.schedule_preview import SchedulePreview
from dlcore.insight.short_training import batch_size_of, rate_flag
from dlcore.models import Model
from dlcore.nn import CONVOLUTIONS, Regression
from dlcore.text import TextBatch
from dlcore.translation import _, ngettext

_SAMPLES = 32
_TOKENS = 256
_STEPS, _SECONDS = 1500, 8.0
_TRIALS = (1e-4, 1e-3, 1e-2, 1e-1)  # rates to try if the recipe's own fails
_TRIAL_STEPS, _TRIAL_SECONDS = 400, 2.5
_STUCK = 200  # steps after which a trial ends whose loss leapt, or has not moved
_FEW = 10  # steps: fewer show nothing
_LEARNED, _BEGUN = 0.5, 0.1  # share of the distance from a constant answer to the best one
_KNOWN = 0.9
_MOVED = 0.01
_LEAP = 20.0  # times the first loss


@dataclass(frozen=True)
class Trial:
    """A short training on one batch."""

    rate: float  # its learning rate
    losses: list[float]  # the loss before each step, and after the last
    way: float  # progress of the lowest loss from a constant answer (0) to perfect answers (1)
    timed_out: bool  # whether the time limit ended it before all steps

    @property
    def first(self) -> float:
        """The loss before the first step."""
        return self.losses[0]

    @property
    def best(self) -> float:
        """The lowest loss."""
        return min((loss for loss in self.losses if math.isfinite(loss)), default=math.nan)

    @property
    def highest(self) -> float:
        """The highest loss; infinity if a loss was not finite."""
        return max(loss if math.isfinite(loss) else math.inf for loss in self.losses)

    @property
    def diverged(self) -> bool:
        """Whether the loss rose far above its first value, or ended above it.

        Huge weights may still fit one batch: with other batches the loss leaps again.
        """
        return self.highest > _LEAP * self.first or self.losses[-1] > 2 * self.first

    @property
    def falls(self) -> bool:
        """Whether the loss was still falling at the end."""
        return not self.diverged and self.best < 0.98 * self.first and self.losses[-1] <= 1.05 * self.best


def check_one_batch(case: Case, result: CheckResult) -> None:
    """Train a copy of the model on one batch."""
    batch = case.plain_batch(_TOKENS if isinstance(case.batches[0], TextBatch) else _SAMPLES, varied=True)
    levels = attainable_losses(case.task, batch[1]) if case.knows_task else _from_first_loss(case, batch)
    if levels is None:
        what = _("no known loss of a perfect answer for a loss that is not above 0")
        if case.knows_task:
            what = _("no known loss of a perfect answer for the task {task}").format(task=type(case.task).__name__)
        result.skip(what)
        return
    constant, perfect = levels
    if constant - perfect < 1e-6 * max(abs(constant), 1e-12):
        result.skip(_("all targets of the batch are alike: there is nothing to memorise"))
        return
    trial = _train(case, batch, levels, rate_of_run(case), _STEPS, _SECONDS)
    result.numbers |= {"first": trial.first, "best": trial.best, "steps": len(trial.losses) - 1, "way": trial.way}
    end = f"{trial.best:.3g}"
    if trial.diverged:
        end = _("{highest:.3g} and {last:.3g}").format(highest=trial.highest, last=trial.losses[-1])
    seen = _("loss {first:.3g} → {end} in {steps} on {size}, learning rate {rate:.2g}").format(
        first=trial.first, end=end, steps=_steps(trial), size=_size(batch), rate=trial.rate
    )
    expected = _("towards {perfect:.2g}; always the same answer would cost {constant:.3g}")
    expected = expected.format(perfect=perfect, constant=constant) if case.knows_task else ""
    if not math.isfinite(trial.first):
        first = _("the loss is {loss} before the first step").format(loss=trial.first)
        result.fail(first, expected=_("a finite loss"))
    elif trial.way >= _LEARNED and not trial.diverged:
        result.ok(seen)
    elif not case.knows_task and not trial.diverged and not _still(trial):
        how_low = _("{seen}; how low it can get is not known for {model}")
        result.ok(how_low.format(seen=seen, model=type(case.model).__name__))
    elif case.knows_task and _small(case.model, batch) and trial.best < trial.first and not trial.diverged:
        result.ok(_("{seen}; so small a network cannot memorise the batch").format(seen=seen))
    elif trial.timed_out and (len(trial.losses) < _FEW or (len(trial.losses) < _STUCK and trial.falls)):
        result.ok(_("{seen}, where time was up; it was still falling").format(seen=seen))
    else:
        _explain(case, batch, levels, trial, seen, expected, result)


def _from_first_loss(case: Case, batch: Any) -> tuple[float, float] | None:
    """Return the range for a module without a known task: from its first loss to 0."""
    with torch.no_grad():
        first = case.loss(case.fresh_model(noise=False), batch).item()
    return None if math.isfinite(first) and first <= 0 else (first, 0.0)


def _explain(
    case: Case, batch: Any, levels: tuple[float, float], trial: Trial, seen: str, expected: str, result: CheckResult
) -> None:
    """Find the cause by training with other rates."""
    bold = isinstance(case.optimizer(case.fresh_model()), LBFGS | Adadelta)
    trials = (*_TRIALS, 1.0) if bold else _TRIALS
    rates = [rate for rate in trials if not 0.5 < rate / max(trial.rate, 1e-30) < 2]
    others = [_train(case, batch, levels, rate, _TRIAL_STEPS, _TRIAL_SECONDS) for rate in rates]
    learned = [other for other in others if other.way >= _KNOWN and not other.diverged]
    # Of several take the middle one: the highest is almost too high, the lowest is slow.
    best = learned[(len(learned) - 1) // 2] if learned else max(others, key=lambda other: other.way)
    better = best.way >= _LEARNED or (best.way > 2 * max(trial.way, _BEGUN) and not best.diverged)
    faster = better and best.rate > trial.rate and not _still(trial)
    slow = not trial.diverged and (trial.way >= _BEGUN or faster)
    note = result.warn if slow or _warms_up(case, batch, levels, trial) else result.fail
    if trial.diverged or (better and best.rate < trial.rate):
        cause = _("it diverges") if trial.diverged else _("it does not settle")
        if better and best.rate < trial.rate:
            cause = _("{cause}: the learning rate is too high").format(cause=cause)
    elif better and best.rate > trial.rate:
        cause = _("slow: the learning rate is low")
        if _still(trial):
            cause = _("it hardly moves: the learning rate is too low")
    elif _still(trial) and _target(case):
        cause = _("it hardly moves at any learning rate tried: the targets are far from where answers begin")
    elif _still(trial):
        cause = _("it does not move at any learning rate tried: no gradient comes through")
    else:
        cause = _("it learns little more than one constant answer, at any learning rate tried")
    fell = _("with it the loss fell to {loss:.2g} in {steps}").format(loss=best.best, steps=_steps(best))
    flag = f"{_rate_flag(case)} {best.rate:g}"
    rate = _("{flag}: {does}").format(flag=flag, does=fell) if better else ""
    others_said = [*case.remedies("layers"), *case.remedies("first loss"), *_target(case)]
    said = [*case.remedies("inputs"), *([] if better else others_said)]
    remedies = dict.fromkeys([*said, rate])
    note(_("; ").join([seen, cause]), *remedies, expected=expected)


def _warms_up(case: Case, batch: Any, levels: tuple[float, float], trial: Trial) -> bool:
    """Return whether the run warms up from a rate at which the network learns."""
    if not isinstance(case.schedule, SchedulePreview) or not 0 < case.schedule.rates[0] < trial.rate / 2:
        return False
    gentle = _train(case, batch, levels, float(case.schedule.rates[0]), _TRIAL_STEPS, _TRIAL_SECONDS)
    return gentle.way >= _LEARNED and not gentle.diverged


def rate_of_run(case: Case) -> float:
    """Return the highest rate of the run."""
    if isinstance(case.schedule, SchedulePreview):
        return float(case.schedule.rates.max())
    return float(case.optimizer(case.fresh_model()).param_groups[0]["lr"])


def _target(case: Case) -> list[str]:
    """Return the remedies for a regression's targets; those for uneven classes do not apply here."""
    return case.remedies("labels") if isinstance(case.task, Regression) else []


def _rate_flag(case: Case) -> str:
    """Return the flag that sets the learning rate."""
    return f"--{flag}" if (flag := rate_flag(case.model)) else _("a learning rate of")


def _train(case: Case, batch: Any, levels: tuple[float, float], rate: float, steps: int, seconds: float) -> Trial:
    """Train a copy on the batch until it is learned, the loss diverges or is stuck, or steps or seconds run out."""
    model = case.fresh_model(noise=False)
    optimizer = case.optimizer(model)
    for group in optimizer.param_groups:
        group["lr"] = rate
    penalty = model.penalty if isinstance(model, Model) else None
    penalized = penalty.select(model.named_parameters()) if penalty else []
    losses: list[float] = []
    evaluated: list[float] = []

    def evaluate() -> float:
        optimizer.zero_grad()
        loss = case.loss(model, batch)
        evaluated.append(loss.item())
        total = loss + penalty(penalized) if penalty and penalized else loss
        total.backward()
        _clip(model, case.trainer)
        return total.item()

    constant, perfect = levels
    target = perfect + 0.05 * (constant - perfect)
    begun, timed_out = time.monotonic(), False
    for step in range(steps):
        evaluated.clear()
        optimizer.step(evaluate)
        losses.append(evaluated[0])
        rise, span = max(losses) / losses[0], max(losses) - min(losses)
        stuck = step >= _STUCK and (rise > _LEAP or (step == _STUCK and span < 1e-3 * losses[0]))
        if not math.isfinite(losses[-1]) or losses[-1] <= target or stuck:
            break
        timed_out = step + 1 < steps and time.monotonic() - begun > seconds
        if timed_out:
            break
    with torch.no_grad():
        losses.append(case.loss(model, batch).item())
    tail = losses[-max(3, len(losses) // 20) :]
    lowest = min(losses[-1], max(tail)) if all(map(math.isfinite, tail)) else math.inf
    way = (constant - lowest) / (constant - perfect) if math.isfinite(lowest) else -math.inf
    return Trial(rate, losses, way, timed_out)


def _clip(model: LightningModule, trainer: Trainer) -> None:
    bound = trainer.gradient_clip_val
    if bound is not None and trainer.gradient_clip_algorithm == GradClipAlgorithmType.VALUE:
        nn.utils.clip_grad_value_(model.parameters(), bound)
    elif bound is not None:
        nn.utils.clip_grad_norm_(model.parameters(), bound)


def _still(trial: Trial) -> bool:
    return abs(trial.first - trial.best) < _MOVED * abs(trial.first)


def _small(model: LightningModule, batch: Any) -> bool:
    """Return whether the network is linear, or has fewer parameters than needed to memorise the batch."""
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    linear = sum(isinstance(layer, nn.Linear | CONVOLUTIONS | nn.RNNBase) for layer in model.modules()) < 2
    return weights < batch[1].numel() * 2 or linear


def _steps(trial: Trial) -> str:
    steps = len(trial.losses) - 1
    return ngettext("{n} step", "{n} steps", steps).format(n=steps)


def _size(batch: Any) -> str:
    if isinstance(batch, TextBatch):
        return _("{n:,} tokens").format(n=batch[1].numel())
    return _("{n:,} samples").format(n=batch_size_of(batch))
