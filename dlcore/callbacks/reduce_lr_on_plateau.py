"""Cut the learning rate when a metric stops improving (chapter "learning-rate annealing")."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, Literal, final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping as LightningEarlyStopping
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchReduceLROnPlateau

from dlcore.callbacks.monitor_callback import MonitorCallback
from dlcore.errors import ArgumentError, FitError, check_number
from dlcore.translation import _, ngettext

_MOST = 2000  # steps of a trial: tens of milliseconds
_SAME = 1e-6  # relative

# State of the rule to save. Its settings are not saved: the current ones apply.
_COUNTS = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")


def undone_after(config: Any, trainer: Trainer, factor: float) -> int | None:
    """Cut the rate of a copy, step it to the end of the run, and compare it with an uncut copy.

    The schedule undoes the cut if both reach the same rate, unless that is the schedule's lowest rate and not above the
    cut one: then both only end there, as with a cosine.

    Returns:
        Schedule steps after which the cut is undone; None if it is kept.
    """
    steps = _steps(config, trainer)
    plain, cut = _stepped_rates(config.scheduler, steps, 1.0), _stepped_rates(config.scheduler, steps, factor)
    for group in range(len(plain[0])):
        lowest = min(rates[group] for rates in plain)
        for step in range(1, min(len(plain), len(cut))):
            rate = plain[step][group]
            at_end = rate <= lowest * (1 + _SAME) and rate <= cut[0][group]
            if math.isclose(rate, cut[step][group], rel_tol=_SAME) and not at_end:
                return step
    return None


def _steps(config: Any, trainer: Trainer) -> int:
    """Return the number of schedule steps left whose rate is still used, at most `_MOST`."""
    per_batch = config.interval == "step"
    epochs = trainer.max_epochs if trainer.max_epochs is not None and trainer.max_epochs >= 0 else math.inf
    steps = epochs * trainer.num_training_batches if per_batch else epochs
    if trainer.max_steps >= 0:
        steps = min(steps, trainer.max_steps)
    return max(0, int(min(steps - 1 - getattr(config.scheduler, "last_epoch", 0), _MOST)))


def _stepped_rates(schedule: Any, steps: int, factor: float) -> list[list[float]]:
    """Multiply a copy's rates by a factor; return the rates of each group before and after each step."""
    optimizer = _copy_without_weights(schedule.optimizer)
    try:
        copied: Any = copy.deepcopy(schedule, {id(schedule.optimizer): optimizer})
    except Exception as error:  # a user's schedule may hold anything
        raise FitError(
            f"reduce_lr_on_plateau: expected a schedule that can be copied, to try whether it keeps a cut, got "
            f"{type(schedule).__name__}: {error}. Switch one of them off: --reduce_lr_on_plateau off"
        ) from error
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    rates = [[float(group["lr"]) for group in optimizer.param_groups]]
    with warnings.catch_warnings():
        # torch warns if a schedule is stepped before its optimiser, and in other cases.
        warnings.simplefilter("ignore")
        for _ in range(steps):
            try:
                copied.step()
            except (ValueError, TypeError):  # the schedule has ended, or needs a metric
                break
            rates.append([float(group["lr"]) for group in optimizer.param_groups])
    return rates


def _copy_without_weights(optimizer: Optimizer) -> Optimizer:
    """Return an optimiser with the same groups, settings and rates, but no parameters."""
    copied = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    without = [{**group, "params": []} for group in optimizer.param_groups]
    copied.param_groups = copy.deepcopy(without)
    return copied


# Derive from Lightning's EarlyStopping: Lightning then calls the callback after the module's `on_train_epoch_end`,
# which may log the metric, and before checkpoints are written. There is no other way to request that.
@final
class ReduceLROnPlateau(MonitorCallback, LightningEarlyStopping):
    """Multiplies the learning rate by a factor when a metric has not improved for more than `patience` checks.

    The rule is that of torch.optim.lr_scheduler.ReduceLROnPlateau. The rates of all parameter groups of all optimisers
    are cut by the same factor; the message lists each distinct rate. The callback acts before the checkpoint of the
    same validation is written, so a resumed run has the cut rate.

    Args:
        monitor: Metric to monitor.
        mode: Whether a smaller (min) or a larger (max) value is better; auto: decide by the metric.
        factor: What the rate is multiplied by, in (0, 1).
        patience: Checks without improvement before a cut; the next one cuts. At least 0.
        threshold: Minimum change that counts as an improvement, at least 0.
        threshold_mode: Whether threshold is relative to the best value (rel) or in the metric's units (abs).
        cooldown: Checks after a cut that are not counted, at least 0.
        min_lr: The rate is never cut below this, at least 0.

    Attributes:
        cuts: Epoch, step and new rate (of the first group of parameters that was cut) of each cut so far.

    Raises:
        ArgumentError: A value is out of range, the mode contradicts the metric, or nothing logs the metric.
        FitError: The model's schedule would undo a cut.
    """

    def __init__(
        self,
        monitor: str = "val/loss",
        mode: Literal["auto", "min", "max"] = "auto",
        factor: float = 0.5,
        patience: int = 2,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError("threshold_mode", "rel or abs", threshold_mode)
        check_number("factor", factor, above=0, below=1)
        check_number("patience", patience, at_least=0, whole=True)
        check_number("threshold", threshold, at_least=0)
        check_number("cooldown", cooldown, at_least=0, whole=True)
        check_number("min_lr", min_lr, at_least=0)
        self.patience = patience
        self._settings: dict[str, Any] = {
            "factor": factor,
            "patience": patience,
            "threshold": threshold,
            "threshold_mode": threshold_mode,
            "cooldown": cooldown,
            "min_lr": min_lr,
        }
        super().__init__(monitor, mode)

    def reset(self) -> None:
        """Forget the values and cuts of an earlier run."""
        self._rules: list[TorchReduceLROnPlateau] = []  # one for each optimiser; all count alike
        self._saved: dict[str, Any] = {}
        self.cuts: list[dict[str, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Create the rule for each optimiser, with the counts of a resumed run."""
        super().on_train_start(trainer, pl_module)
        for config in trainer.lr_scheduler_configs:
            steps = undone_after(config, trainer, self._settings["factor"])
            if steps is not None:
                name = type(config.scheduler).__name__
                when = "at its next step" if steps == 1 else f"after {steps:,} steps"
                raise FitError(
                    f"reduce_lr_on_plateau: expected a schedule that keeps a cut, got {name}, "
                    f"which undoes it {when}: it computes the rate from its first one. Switch one of them off: "
                    "--reduce_lr_on_plateau off, or --model.lr_scheduler null"
                )
        if self.mode != "auto":
            self._bind(trainer)

    def _bind(self, trainer: Trainer) -> list[TorchReduceLROnPlateau]:
        counts = self._counts()
        settings: dict[str, Any] = {"mode": self.mode, **self._settings}
        self._rules = [TorchReduceLROnPlateau(optimizer, **settings) for optimizer in trainer.optimizers]
        for rule in self._rules:
            for name, value in counts.items():
                setattr(rule, name, value)
        return self._rules

    def on_value(self, trainer: Trainer, model: LightningModule, value: float) -> None:
        """Check the metric, and cut."""
        rules = self._rules or self._bind(trainer)
        before, best, checks = _rates(trainer), rules[0].best, rules[0].num_bad_epochs + 1
        for rule in rules:
            rule.step(value)
        cuts = {old: new for old, new in zip(before, _rates(trainer), strict=True) if new < old}
        if cuts:
            first, rate = next(iter(cuts.items()))
            self.cuts.append({"epoch": trainer.current_epoch + 1, "step": trainer.global_step, "lr": rate})
            cut = _("from {before:.3g} to {after:.3g}")
            why = _("{metric} has not improved{margin} in {checks} (patience {patience}): {best}, {now}.").format(
                metric=self.monitor,
                margin=self._margin(),
                checks=ngettext("{n} check", "{n} checks", checks).format(n=checks),
                patience=self.patience,
                best=_("best {best:.4f}").format(best=best),
                now=_("now {value:.4f}").format(value=value),
            )
            cut = _(", ").join(cut.format(before=old, after=new) for old, new in cuts.items())
            news = _("Learning rate cut {cut}: {why}").format(cut=cut, why=why)
            numbers = {"before": first, "after": rate, "metric": self.monitor, "best": best, "value": value}
            self.tell(trainer, "learning_rate_cut", news, **numbers)

    def _margin(self) -> str:
        """Describe the required improvement, unless it is negligible."""
        threshold, relative = self._settings["threshold"], self._settings["threshold_mode"] == "rel"
        if not threshold or (relative and threshold < 1e-3):
            return ""
        return _(" by more than {margin}").format(margin=f"{100 * threshold:g}%" if relative else f"{threshold:g}")

    def state_dict(self) -> dict[str, Any]:
        """Return counts and cuts. Settings such as factor and patience are not saved: the current ones apply."""
        return {"monitor": self.monitor, "mode": self.mode, "counts": self._counts(), "cuts": list(self.cuts)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Store the counts until the rules are created, if the metric is the same."""
        self._rules, self._saved, self.cuts = [], {}, list(state_dict["cuts"])
        if self.takes_up(state_dict):
            self._saved = dict(state_dict["counts"])

    def _counts(self) -> dict[str, Any]:
        return {name: getattr(self._rules[0], name) for name in _COUNTS} if self._rules else self._saved


def _rates(trainer: Trainer) -> list[float]:
    return [float(group["lr"]) for optimizer in trainer.optimizers for group in optimizer.param_groups]
