"""Early stopping: end the training when a metric stops improving (chapter "regularisation")."""

from __future__ import annotations

from typing import Any, Literal, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping as LightningEarlyStopping

from dlcore.callbacks.metric_callback import record, say
from dlcore.callbacks.monitor_callback import MonitorCallback, is_better
from dlcore.errors import check_number
from dlcore.translation import _, ngettext


@final
class EarlyStopping(MonitorCallback, LightningEarlyStopping):
    """Ends the training when a metric has not improved for `patience` checks.

    A check is a new value of the metric, after a validation or at the end of a training epoch. State and decision are
    saved in the checkpoint: a resumed run that had stopped ends at once, unless patience is raised.

    Args:
        monitor: Metric to monitor.
        mode: Whether a smaller (min) or a larger (max) value is better; auto: decide by the metric.
        patience: Checks without improvement after which the training ends, at least 1.
        min_delta: Minimum change that counts as an improvement, in the metric's units, at least 0.

    Attributes:
        reason: Why the training ended; empty if early stopping did not end it.

    Raises:
        ArgumentError: A value is out of range, the mode contradicts the metric, or nothing logs the metric.
    """

    saved = ("best", "best_epoch", "checks_without_improvement")

    def __init__(
        self,
        monitor: str = "val/loss",
        mode: Literal["auto", "min", "max"] = "auto",
        patience: int = 5,
        min_delta: float = 0.0,
    ) -> None:
        check_number("patience", patience, at_least=1, whole=True)
        check_number("min_delta", min_delta, at_least=0)
        self.patience, self.min_delta = patience, min_delta
        super().__init__(monitor, mode)

    def reset(self) -> None:
        """Forget the values of an earlier run."""
        self.best: float | None = None
        self.best_epoch = 0
        self.checks_without_improvement = 0
        self.reason = ""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once if the resumed run had already stopped."""
        super().on_train_start(trainer, pl_module)
        self.reason = ""
        if self.checks_without_improvement >= self.patience:
            self._stop(trainer, _("before this run was resumed; raise early_stopping.patience to go on"))
            record(trainer, "stopped_early", self.reason, **self._numbers())
            say(trainer, self.reason)

    def on_value(self, trainer: Trainer, model: LightningModule, value: float) -> None:
        """Check the metric."""
        if is_better(value, self.best, self.mode, self.min_delta):
            self.best, self.best_epoch = value, trainer.current_epoch + 1
            self.checks_without_improvement = 0
        else:
            self.checks_without_improvement += 1
            if self.checks_without_improvement >= self.patience:
                self._stop(trainer, _("now {value:.4f}").format(value=value))
                self.tell(trainer, "stopped_early", self.reason, **self._numbers(), value=value)

    def _numbers(self) -> dict[str, Any]:
        checks = self.checks_without_improvement
        return {"metric": self.monitor, "best": self.best, "best_epoch": self.best_epoch, "checks": checks}

    def _stop(self, trainer: Trainer, now: str) -> None:
        n = self.checks_without_improvement
        best = _("it never was a number")
        if self.best is not None:
            best = _("best {best:.4f} at epoch {epoch}").format(best=self.best, epoch=self.best_epoch)
        why = _("{metric} has not improved{margin} in {checks} (patience {patience}): {best}, {now}.").format(
            metric=self.monitor,
            margin=_(" by more than {margin}").format(margin=f"{self.min_delta:g}") if self.min_delta else "",
            checks=ngettext("{n} check", "{n} checks", n).format(n=n),
            patience=self.patience,
            best=best,
            now=now,
        )
        self.reason = _("Stopped early: {why}").format(why=why)
        trainer.should_stop = True
