"""Cut the learning rate when a metric stops improving (chapter "learning-rate annealing")."""

from __future__ import annotations

from typing import Any, Literal, final

from lightning.pytorch import LightningModule, Trainer
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, OneCycleLR
from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchReduceLROnPlateau

from dlcore.callbacks.metric_callback import MetricCallback, read_monitor
from dlcore.errors import ArgumentError, FitError, check_number

# What the rule knows of a run's past; its settings are the user's present ones.
_COUNTS = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")

# Schedules that compute the rate from the beginning, whatever it has become since.
_SETS_THE_RATE = (CyclicLR, LambdaLR, OneCycleLR)


@final
class ReduceLROnPlateau(MetricCallback):
    """Multiplies the learning rate by a factor when a metric has not improved for more than `patience` checks.

    The rule is that of torch.optim.lr_scheduler.ReduceLROnPlateau. The rates of all optimisers and of all their groups
    of parameters are cut, each by the same factor; what is printed names each that differs. As a callback it acts
    before the checkpoint of the same validation is written, so a resumed run has the cut rate.

    Args:
        monitor: Metric that is watched.
        mode: Whether a smaller (min) or a larger (max) value is better.
        factor: What the rate is multiplied by, in (0, 1).
        patience: Checks without improvement that are still tolerated; the next one cuts. At least 0.
        threshold: What a value must be better by to count as an improvement, at least 0.
        threshold_mode: Whether threshold is a share of the best value (rel) or in the metric's units (abs).
        cooldown: Checks after a cut in which nothing is counted, at least 0.
        min_lr: The rate is never cut below this, at least 0.

    Attributes:
        cuts: Epoch, step and new rate (of the first group of parameters that was cut) of each cut so far.

    Raises:
        ArgumentError: A value lies outside its range, or nothing logs the metric.
        FitError: A schedule sets the rate anew at each step.
    """

    def __init__(
        self,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        factor: float = 0.5,
        patience: int = 2,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        for name, value, options in (
            ("mode", mode, ("min", "max")),
            ("threshold_mode", threshold_mode, ("rel", "abs")),
        ):
            if value not in options:
                raise ArgumentError(name, " or ".join(options), value)
        check_number("factor", factor, above=0, below=1)
        check_number("patience", patience, at_least=0, whole=True)
        check_number("threshold", threshold, at_least=0)
        check_number("cooldown", cooldown, at_least=0, whole=True)
        check_number("min_lr", min_lr, at_least=0)
        self.monitor, self.mode, self.patience = monitor, mode, patience
        self._settings: dict[str, Any] = {
            "mode": mode,
            "factor": factor,
            "patience": patience,
            "threshold": threshold,
            "threshold_mode": threshold_mode,
            "cooldown": cooldown,
            "min_lr": min_lr,
        }
        self._rules: list[TorchReduceLROnPlateau] = []  # one for each optimiser; all count alike
        self._saved: dict[str, Any] = {}
        self.cuts: list[dict[str, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Bind the rule to the optimiser, and take up the counts of a run that goes on."""
        super().on_train_start(trainer, pl_module)
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, _SETS_THE_RATE):
                name = type(config.scheduler).__name__
                raise FitError(
                    f"reduce_lr_on_plateau: expected a schedule that a cut changes, got {name}, which sets the rate "
                    "anew at each step. Switch one of them off: --reduce_lr_on_plateau off"
                )
        counts = self._counts()
        self._rules = [TorchReduceLROnPlateau(optimizer, **self._settings) for optimizer in trainer.optimizers]
        for rule in self._rules:
            for name, value in counts.items():
                setattr(rule, name, value)

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Check the metric, and cut."""
        value = read_monitor(trainer, self.monitor, "reduce_lr_on_plateau.monitor")
        if value is None or not self._rules:
            return
        before, best, checks = _rates(trainer), self._rules[0].best, self._rules[0].num_bad_epochs + 1
        for rule in self._rules:
            rule.step(value)
        cuts = {old: new for old, new in zip(before, _rates(trainer), strict=True) if new < old}
        if cuts:
            (first, rate), *_ = cuts.items()
            self.cuts.append({"epoch": trainer.current_epoch + 1, "step": trainer.global_step, "lr": rate})
            cut = ", ".join(f"from {old:.3g} to {new:.3g}" for old, new in cuts.items())
            counted = f"{checks} {'check' if checks == 1 else 'checks'} (patience {self.patience})"
            news = (
                f"Learning rate cut {cut}: {self.monitor} has not improved{self._margin()} "
                f"in {counted}: best {best:.4f}, now {value:.4f}."
            )
            numbers = {"before": first, "after": rate, "metric": self.monitor, "best": best, "value": value}
            self.tell(trainer, "learning_rate_cut", news, **numbers)

    def _margin(self) -> str:
        """By how much it should have improved, where that is not next to nothing."""
        threshold, relative = self._settings["threshold"], self._settings["threshold_mode"] == "rel"
        if not threshold or (relative and threshold < 1e-3):
            return ""
        return f" by more than {100 * threshold:g}%" if relative else f" by more than {threshold:g}"

    def state_dict(self) -> dict[str, Any]:
        """Counts and cuts. Factor, patience and the like are not kept: the user's present ones count."""
        return {"monitor": self.monitor, "mode": self.mode, "counts": self._counts(), "cuts": list(self.cuts)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the counts until the optimiser is there, if it is the same metric that is watched."""
        self._rules, self._saved, self.cuts = [], {}, list(state_dict["cuts"])
        if (state_dict["monitor"], state_dict["mode"]) == (self.monitor, self.mode):
            self._saved = dict(state_dict["counts"])

    def _counts(self) -> dict[str, Any]:
        return {name: getattr(self._rules[0], name) for name in _COUNTS} if self._rules else self._saved


def _rates(trainer: Trainer) -> list[float]:
    """The learning rate of each group of parameters of each optimiser."""
    return [float(group["lr"]) for optimizer in trainer.optimizers for group in optimizer.param_groups]
