"""What the run's own callbacks watch, where nobody said it: a metric that the module logs."""

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
    """Points callbacks whose metric nobody chose at one that is logged.

    That is the loss of the validation, else another of its metrics, else one of the training.

    What was found is kept with the run, so that it watches the same when it goes on. Of a module whose `training_step`
    logs nothing, or nothing of which is known whether more is better, while there is something to be watched, the mean
    of the losses that it returns in an epoch is logged as ``train/loss``.

    Args:
        callbacks: Those callbacks; each has ``monitor`` and ``mode``.
        keep: Called with a section's name and the settings that were found for it.
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
        """Await nothing of a validation where there is none."""
        if not trainer.enable_validation:
            self._await_training()

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at what a validation logs."""
        self._choose(trainer, pl_module, "val/")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at what a validation logs, where no sanity check has shown it."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self._validated = True
            self._choose(trainer, pl_module, "val/")

    def skippable_batches(self, trainer: Trainer, position: Position) -> float:
        """It counts the losses of a module that logs nothing."""
        return math.inf if self._is_silent is False else 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add up the losses, where nothing is logged."""
        if self._is_silent is None:
            # What a step has logged shows here, also what is for the end of the epoch.
            logged = [result.meta.name for result in logged_results(trainer.fit_loop.epoch_loop).values()]
            self._is_silent = not logged or (bool(self._open) and best_to_watch(logged) is None)
        if not self._is_silent:
            return
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()
            self._batches += 1

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at what the training logs, where the validation has nothing to watch."""
        if self._is_silent and self._loss is not None:
            mean, self._loss, self._batches = self._loss / self._batches, None, 0
            if "train/loss" not in {canonical_name(name) for name in trainer.callback_metrics if name != "train/loss"}:
                pl_module.log("train/loss", mean, sync_dist=trainer.world_size > 1)
        if not trainer.enable_validation or self._validated:
            self._choose(trainer, pl_module, "")

    def would_watch(self, trainer: Trainer) -> dict[Callback, str]:
        """What each callback whose metric nobody chose will watch after such a validation: ``val_mse (min)``.

        Args:
            trainer: The trainer that has validated.
        """
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
            return  # each says itself that there is nothing to watch
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
    """The callbacks of sections whose metric nobody chose.

    Args:
        callbacks: All callbacks of the run's own sections.
        chosen: Gives the names of a section's settings that somebody chose.
    """
    watching = [each for each in callbacks if getattr(each, "monitor", None) == _USUAL]
    return [each for each in watching if "monitor" not in chosen(section_name(type(each).__name__))]


def best_to_watch(metrics: Collection[str], part: str = "") -> str | None:
    """The metric by which the best state of a run is told: a loss, else any of which is known what is better.

    Args:
        metrics: Names that are logged.
        part: ``val/`` for those of the validation only; empty for those of the training too, which come after them.

    Returns:
        Its name as it is logged; None where there is none.
    """
    own = {name: name for name in metrics} | aliases(metrics)
    known = [name for name in own if not name.endswith("_step") and mode_of(name) is not None]
    parts = ("val/",) if part else ("val/", "train/", "")
    for each in parts:
        names = [name for name in known if name.startswith(each)]
        for name in sorted(names, key=lambda name: (name != f"{each}loss", mode_of(name) != "min")):
            return own[name]
    return None
