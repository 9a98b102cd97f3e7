"""Checks of a run's settings: batch normalisation, updates, optimiser, averaging of weights, monitored metrics."""

from __future__ import annotations

import inspect
import math
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import LBFGS

from dlcore.callbacks import WeightAveraging
from dlcore.callbacks.module_facts import shared_metrics, step_facts
from dlcore.callbacks.monitor_callback import MonitorCallback
from dlcore.callbacks.watch_what_is_logged import WatchWhatIsLogged
from dlcore.data.array_data import ArrayData
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.schedule_preview import SchedulePreview
from dlcore.insight.short_training import take_first_step, validated
from dlcore.lightning_compat import callbacks_of
from dlcore.optim import warmup_factor
from dlcore.runs.batch_size import leaves_one_sample
from dlcore.translation import _, ngettext

_NOISY = 8  # samples: statistics of fewer are mostly noise


def check_batch_norm(case: Case, result: CheckResult) -> None:
    """Inspect the sizes of an epoch's batches."""
    data = case.datamodule
    if not case.normalizes or not isinstance(data, ArrayData):
        unknown = _("batches of unknown sizes")
        result.skip(unknown if case.normalizes else _("the network has no batch normalisation"))
        return
    samples, together = len(data.parts["train"]), data.batch_size * case.trainer.world_size
    rest = samples % together
    last = rest if rest and not data.drop_last else together
    result.numbers |= {"batch": together, "last": last}
    batches = getattr(case.schedule, "batches_per_epoch", len(case.loader))
    if leaves_one_sample(samples, data.batch_size, case.trainer.world_size, batches):
        size = data.batch_size + 1
        while leaves_one_sample(samples, size, case.trainer.world_size, samples):
            size += 1
        result.fail(
            _("{n:,} samples in batches of {size:,} leave a batch of one sample, which has no variance").format(
                n=samples, size=together
            ),
            _("--data.drop_last true: leaves it out") if data.batch_size > 1 else "",
            f"--data.batch_size {size if data.batch_size > 1 else max(size, 32)}",
        )
        return
    seen = _("batches of {size:,}, the last of {last:,}").format(size=together, last=last)
    if data.batch_size < _NOISY:
        seen = _("{seen}: mean and variance of so few samples are mostly chance").format(seen=seen)
        result.warn(seen, "--data.batch_size 32")
    else:
        result.ok(seen)


_FEW_UPDATES = 200
_WARMING = 0.5  # of the run
_WISHED = 1000


def check_updates(case: Case, result: CheckResult) -> None:
    """Count the optimiser steps of an epoch and of the run."""
    schedule = case.schedule
    if not isinstance(schedule, SchedulePreview):
        if case.endless:
            result.warn(_("the run has no end"), "--trainer.max_epochs 20", expected=_("an end"))
        else:
            result.fail(str(schedule))
        return
    epoch, total = schedule.steps_per_epoch, len(schedule.rates)
    result.numbers |= {"epoch": epoch, "run": total}
    epochs = math.ceil(total / epoch)
    seen = ngettext(
        "{epoch:,} an epoch, {total:,} in the run of {epochs:,} epoch",
        "{epoch:,} an epoch, {total:,} in the run of {epochs:,} epochs",
        epochs,
    ).format(epoch=epoch, total=total, epochs=epochs)
    if schedule.warmup_steps > _WARMING * total:
        say = result.fail if schedule.warmup_steps >= total else result.warn
        share = warmup_factor(total - 1, schedule.warmup_steps)
        said = _(
            "the warm-up of {warmup:,} steps takes up the run of {total:,} steps: at its end the learning rate is at "
            "{share:.0%} of what is set"
        )
        say(
            said.format(warmup=schedule.warmup_steps, total=total, share=share),
            f"--model.warmup_steps {max(1, total // 20)}",
        )
        return
    if total >= _FEW_UPDATES or isinstance(case.optimizer(case.fresh_model()), LBFGS):
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
            remedy = _("--data.batch_size {size}: {steps:,} updates an epoch")
            remedies.insert(0, remedy.format(size=size, steps=steps))
    if case.trainer.limit_train_batches not in (1.0, None):
        remedies.insert(0, _("--trainer.limit_train_batches 1.0: whole epochs"))
    expected = _("{n} or more in the run").format(n=_FEW_UPDATES)
    result.warn(_("few: {seen}").format(seen=seen), *remedies, expected=expected)


_SHRINKS, _EATS = 0.004, 0.02  # share of the weights that a step takes away: a warning (as of `explain`), a failure
_GOOD_SHRINKS = 0.001
_SLOW = 0.99  # momentum


def check_optimizer(case: Case, result: CheckResult) -> None:
    """Compute what weight decay takes away at each step, and the steps that momentum averages over."""
    model = case.fresh_model()
    optimizer = case.optimizer(model)
    name, groups = type(optimizer).__name__, optimizer.param_groups
    facts = step_facts([optimizer])
    decay, momentum = facts.get("decay", 0.0), facts.get("momentum", 0.0)
    schedule, set_rate = case.schedule, float(groups[0]["lr"])
    if isinstance(schedule, SchedulePreview) and set_rate > 0:
        decay *= schedule.rates.mean() / set_rate
    averaged = 1 / (1 - momentum) if momentum < 1 else math.inf
    result.numbers |= {"decay": float(decay), "averaged": averaged}
    if decay > _SHRINKS:
        note = result.fail if decay > _EATS else result.warn
        good = min(0.01, _GOOD_SHRINKS / decay * max(float(group["weight_decay"]) for group in groups))
        seen = _("each step of {name} takes {share:.2g}% of all weights away: only the last {n:,.0f} steps count")
        note(
            seen.format(name=name, share=100 * decay, n=1 / decay),
            _optimizer_setting(case, "weight_decay", f"{good:.1g}"),
            expected=_("below {share:.1%}").format(share=_SHRINKS),
        )
    if momentum >= 1:
        seen = _("momentum {momentum:g} forgets no gradient: the steps only grow")
        result.fail(seen.format(momentum=momentum), _slower(case, groups))
    elif averaged >= 1 / (1 - _SLOW) - 1e-6:
        seen = _("momentum {momentum:g} averages the gradients of about {n:,.0f} steps")
        if isinstance(schedule, SchedulePreview):
            seen = _("momentum {momentum:g} averages the gradients of about {n:,.0f} steps; the run has {run:,}")
        run = len(getattr(schedule, "rates", ()))
        said = seen.format(momentum=momentum, n=averaged, run=run)
        result.warn(said, _slower(case, groups), expected=_("about 10"))
    if not result.findings:
        parts = [_("momentum averages about {n:.0f} gradients").format(n=averaged)] if momentum else []
        parts += [_("weight decay takes {share:.2g}% of the weights a step").format(share=100 * decay)] if decay else []
        result.ok(_("; ").join([name, *parts]))


def _slower(case: Case, groups: list[dict[str, Any]]) -> str:
    """Return the setting of the usual momentum."""
    if groups[0].get("momentum"):
        return _optimizer_setting(case, "momentum", "0.9")
    return _optimizer_setting(case, "betas", f"'[0.9, {groups[0]['betas'][1]:g}]'")


def _optimizer_setting(case: Case, argument: str, value: str) -> str:
    """Return a setting of the optimiser: a flag, or words for a module that creates its own."""
    chosen = inspect.signature(type(case.model)).parameters.get("optimizer")
    if chosen is not None and "Optimizer" in str(chosen.annotation):
        return f"--model.optimizer.{argument} {value}"
    own = case.flag("model", argument, value)
    return own or _("{setting} in configure_optimizers").format(setting=f"{argument}={value.strip(chr(39))}")


_LITTLE, _MUCH = 0.007, 0.1  # of the average


def check_averaging(case: Case, result: CheckResult) -> None:
    """Compute the share of the initial weights in the average at the end of the run."""
    callbacks = callbacks_of(case.trainer)
    averaging = next((callback for callback in callbacks if isinstance(callback, WeightAveraging)), None)
    if averaging is None or not isinstance(case.schedule, SchedulePreview):
        unknown = _("the length of the run is not known")
        result.skip(_("no average of the weights") if averaging is None else unknown)
        return
    steps = len(case.schedule.rates)
    updates = math.ceil(steps / averaging.every_n_steps)
    share = averaging.share_of_first(updates)
    result.numbers |= {"share": share}
    seen = _("after {steps:,} steps {share:.1%} of the average of the weights are still the weights of the start")
    seen = seen.format(steps=steps, share=share)
    if share < _LITTLE or case.trained:
        result.ok(seen)
        return
    say = result.fail if share > _MUCH else result.warn
    say(
        _("{seen}: validation and checkpoints use it").format(seen=seen),
        "" if averaging.warm_up else _("--weight_averaging.warm_up true: it looks back over few steps at first"),
        _("--weight_averaging off: validate the weights themselves"),
        expected=_("below {share:.1%}").format(share=_LITTLE),
    )


def check_monitors(case: Case, result: CheckResult) -> None:
    """Validate a copy of the model, and check each callback's monitored metric; take a step, for what both log."""
    watching = [each for each in callbacks_of(case.trainer) if isinstance(each, MonitorCallback)]
    if not watching:
        result.skip(_("no callback watches a metric"))
        return
    if not case.validates:
        result.skip(_("the run does not validate"))
        return
    callbacks = callbacks_of(case.trainer)
    finder = next((each for each in callbacks if isinstance(each, WatchWhatIsLogged)), None)
    with validated(case.model, case.datamodule, case.trainer) as (trainer, model):
        found = finder.would_watch(trainer) if finder is not None else {}
        for callback in watching:
            if callback not in found:
                callback.check_logged(trainer, model)
        validated_loop = trainer.validate_loop
    _find_shared_metrics(case, validated_loop, result)
    names = dict.fromkeys(found.get(callback, f"{callback.monitor} ({callback.mode})") for callback in watching)
    result.ok(_("watched: {names}").format(names=", ".join(names)))


def _find_shared_metrics(case: Case, validated_loop: Any, result: CheckResult) -> None:
    """Find one metric object that training and validation log."""
    if not shared_metrics(validated_loop, validated_loop):  # validation logs no metric object
        return
    step = _Step()
    take_first_step(case.model, case.datamodule, step, case.trainer)
    for train, val in shared_metrics(step.loop, validated_loop).items():
        said = _("{train} and {val} are one metric object: validation counts training samples too, and resets it")
        result.fail(
            said.format(train=train, val=val),
            _("give each part its own object: self.train_acc = …, self.val_acc = self.train_acc.clone()"),
        )


class _Step(Callback):
    """Keeps the loop of a training, whose results have the names that were logged."""

    loop: Any = None

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Keep the loop."""
        self.loop = trainer.fit_loop.epoch_loop
