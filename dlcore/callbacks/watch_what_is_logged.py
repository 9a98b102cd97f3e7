"""Default metric of the run's callbacks: one that the module logs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from dlcore.callbacks.metric_callback import say
from dlcore.config.catalogue import section_name
from dlcore.execution.per_batch_hooks import Position
from dlcore.lightning_compat import logged_results
from dlcore.tracking.metric_names import mode_of
from dlcore.tracking.metric_pairs import aliases, canonical_name

_USUAL = "val/loss"


class WatchWhatIsLogged(Callback):
    """Sets the metric of callbacks for which the user chose none.

    The metric is the validation loss, else another validation metric, else a training metric.

    The choice is saved with the run, so that a resumed run monitors the same metric. If `training_step` logs nothing,
    or no metric with a known mode while a callback needs one, this callback logs the mean of the losses returned in an
    epoch as ``train/loss``.

    Args:
        callbacks: The callbacks without a metric; each has ``monitor`` and ``mode``.
        keep: Called with a section's name and the settings chosen for it.
        may_be_silent: Whether the module may log nothing.
    """

    def __init__(
        self,
        callbacks: Iterable[Callback],
        keep: Callable[[str, dict[str, str]], None] = lambda section, settings: None,
        may_be_silent: bool = True,
    ) -> None:
        self._open: list[Any] = list(callbacks)
        self._keep = keep
        self._loss: Tensor | None = None  # sum of the losses of an epoch, on the device
        self._batches, self._validated = 0, False
        self._is_silent: bool | None = None if may_be_silent else False  # None: known after the first batch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose ``train/loss`` for now, if the run has no validation."""
        if not trainer.enable_validation:
            self._await_training()

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose among the metrics of the sanity check."""
        self._choose(trainer, pl_module, "val/")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose among the metrics of a validation, if there was no sanity check."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self._validated = True
            self._choose(trainer, pl_module, "val/")

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """Return 0 while it sums the losses of a module that logs nothing, else infinity."""
        return math.inf if self._is_silent is False else 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Sum the losses if the module logs nothing."""
        if self._is_silent is None:
            # This lists all names logged in a step, also those with on_epoch only.
            logged = [result.meta.name for result in logged_results(trainer.fit_loop.epoch_loop).values()]
            self._is_silent = not logged or (bool(self._open) and best_to_watch(logged) is None)
        if not self._is_silent:
            return
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()
            self._batches += 1

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the mean loss, and choose among training metrics if validation had none."""
        if self._is_silent and self._loss is not None:
            mean, self._loss, self._batches = self._loss / self._batches, None, 0
            if "train/loss" not in {canonical_name(name) for name in trainer.callback_metrics if name != "train/loss"}:
                pl_module.log("train/loss", mean, sync_dist=trainer.world_size > 1)
        if not trainer.enable_validation or self._validated:
            self._choose(trainer, pl_module, "")

    def would_watch(self, trainer: Trainer) -> dict[Callback, str]:
        """Return the metric that each callback without one will monitor: ``val_mse (min)``."""
        name = self._found(trainer, "val/")
        said = f"{name} ({mode_of(name)})" if name else "train/loss (min), as no metric of the validation is known"
        return dict.fromkeys(self._open, said)

    def _found(self, trainer: Trainer, part: str) -> str | None:
        return _USUAL if _USUAL in trainer.callback_metrics else best_to_watch(trainer.callback_metrics, part)

    def _choose(self, trainer: Trainer, model: LightningModule, part: str) -> None:
        if not self._open:
            return
        name = self._found(trainer, part)
        if name is None and part:
            self._await_training()
            return
        if name is None:
            return  # each callback reports the missing metric itself
        mode = mode_of(name) or "min"
        for callback in self._open:
            callback.monitor, callback.mode = name, mode
            if hasattr(callback, "wanted_mode"):
                callback.wanted_mode = mode
            self._keep(section_name(type(callback).__name__), {"monitor": name, "mode": mode})
        if canonical_name(name) != _USUAL:
            sections = " and ".join(section_name(type(callback).__name__) for callback in self._open)
            why = f"{type(model).__name__} logs no loss of the validation"
            say(trainer, f"{sections}: {name} ({mode}) is watched, as {why}.")
        self._open = []

    def _await_training(self) -> None:
        for callback in self._open:
            callback.monitor = "train/loss"


def undecided(callbacks: Iterable[Callback], chosen: Callable[[str], Collection[str]]) -> list[Callback]:
    """Return the callbacks for which the user chose no metric."""
    watching = [each for each in callbacks if getattr(each, "monitor", None) == _USUAL]
    return [each for each in watching if "monitor" not in chosen(section_name(type(each).__name__))]


def best_to_watch(metrics: Collection[str], part: str = "") -> str | None:
    """Return the metric that decides which state is the best: a loss, else any metric with a known mode."""
    own = {name: name for name in metrics} | aliases(metrics)
    known = [name for name in own if not name.endswith("_step") and mode_of(name) is not None]
    parts = ("val/",) if part else ("val/", "train/", "")
    for each in parts:
        names = [name for name in known if name.startswith(each)]
        for name in sorted(names, key=lambda name: (name != f"{each}loss", mode_of(name) != "min")):
            return own[name]
    return None
