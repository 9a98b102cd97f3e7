"""What Lightning, torchmetrics and jsonargparse have no public name for, in one place.

Each function names the private one, and the release it was seen in. Those of torch stand in `dlcore.torch_compat`,
those of the fast path in `dlcore.execution`; for each, `tests/test_lightning_compat.py` says what breaks when it is
gone. A class of ours that derives from one of Lightning's may use what it inherits; the test has a list of that too.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.loops.evaluation_loop import RestartStage as ValidationStage
from lightning.pytorch.loops.training_epoch_loop import RestartStage as BatchStage
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from torchmetrics import Metric

AnyModule = TypeVar("AnyModule", bound=LightningModule)


def copy_without_trainer(model: AnyModule) -> AnyModule:
    """A deep copy of a module, without one of its trainer (`_trainer`, Lightning 2.6.6)."""
    trainer, model._trainer = model._trainer, None
    try:
        return copy.deepcopy(model)
    finally:
        model._trainer = trainer


def attach(trainer: Trainer, model: LightningModule, datamodule: LightningDataModule) -> None:
    """Bring a trainer, a model and data together, as a fit begins (`_data_connector.attach_data`, Lightning 2.6.6)."""
    trainer._data_connector.attach_data(model, datamodule=datamodule)


def new_training_loader(trainer: Trainer) -> Any:
    """A training loader as the data make it, which leaves a fit's own alone (`_data_source`, Lightning 2.6.6)."""
    return trainer.fit_loop._data_source.dataloader()


def training_loaders(trainer: Trainer) -> list[Any]:
    """The loaders that a fit trains on, none before they are made (`_combined_loader`, Lightning 2.6.6)."""
    combined = trainer.fit_loop._combined_loader
    return [] if combined is None else list(combined.flattened)


def validation_follows(trainer: Trainer) -> bool:
    """Whether a validation comes after the batch at hand (`_should_check_val_fx`, Lightning 2.6.6)."""
    return trainer.fit_loop.epoch_loop._should_check_val_fx(trainer.fit_loop._data_fetcher)  # type: ignore[arg-type]


def gradients_wait(trainer: Trainer) -> bool:
    """Whether the batch at hand has no step: it is gathered for a later one (`_should_accumulate`, Lightning 2.6.6)."""
    return trainer.fit_loop.epoch_loop._should_accumulate()


def end_restart(trainer: Trainer) -> None:
    """Let an epoch end as any other, without states of loaders to come (`_restarting`, Lightning 2.6.6)."""
    trainer.fit_loop._restarting = False  # else the epoch's end would leave out `ReduceLROnPlateau`
    trainer.fit_loop._combined_loader_states_to_load = []


def go_back_to_end_of_batch(trainer: Trainer) -> None:
    """Go on at the end of the batch at hand (`_restart_stage`, `_first_loop_iter`, Lightning 2.6.6)."""
    trainer._logger_connector._first_loop_iter = True
    trainer.fit_loop.epoch_loop._restart_stage = BatchStage.RESTARTED_ON_LAST


def validate_from_the_beginning(trainer: Trainer) -> None:
    """Begin the validation that the checkpoint was written in once more (`_restart_stage`, Lightning 2.6.6)."""
    validation = trainer.fit_loop.epoch_loop.val_loop
    total: Any = validation.batch_progress.total
    begun = total.completed - validation.batch_progress.current.completed
    total.ready = total.started = total.processed = total.completed = begun
    validation.batch_progress.reset_on_run()
    validation._restart_stage = ValidationStage.RESTARTED_MID_EVALUATION


def end_batch(trainer: Trainer) -> None:
    """End a batch that no validation follows (`_batches_that_stepped`, `_is_training_done`, Lightning 2.6.6)."""
    loop = trainer.fit_loop.epoch_loop
    loop.update_lr_schedulers("step", update_plateau_schedulers=True)
    if not loop._should_accumulate():
        loop._batches_that_stepped += 1
    if loop._is_training_done:
        loop.val_loop._has_run = True  # nothing is left of the epoch but its end


def end_epoch(trainer: Trainer) -> None:
    """End an epoch whose hooks were called (`_logger_connector`, `_batches_that_stepped`, Lightning 2.6.6)."""
    fit_loop, loop, connector = trainer.fit_loop, trainer.fit_loop.epoch_loop, trainer._logger_connector
    connector.epoch_end_reached()
    connector.on_epoch_end()
    if loop._num_ready_batches_reached():
        loop.update_lr_schedulers("epoch", update_plateau_schedulers=True)
    loop._batches_that_stepped -= 1
    connector.update_train_epoch_metrics()
    loop._batches_that_stepped += 1
    fit_loop.epoch_progress.increment_completed()


# What an entry of `logged_results` adds up in, and what a metric counts beside its states.
SUMS = ("value", "cumulated_batch_size", "_forward_cache", "_update_count", "has_reset")
COUNTS = ("_update_count", "_num_vals_seen")


def logged_results(loop: Any) -> dict[str, Any]:
    """What `self.log` has gathered in a loop of epochs or of validation, by name (`_results`, Lightning 2.6.6)."""
    return loop._results


def steps_of_validation(trainer: Trainer) -> dict[int, int]:
    """The steps at which a validation's batches are logged (`_seen_batches_per_dataloader`, Lightning 2.6.6)."""
    return trainer.fit_loop.epoch_loop.val_loop._seen_batches_per_dataloader


def put_back(metric: Metric, values: dict[str, Any]) -> None:
    """Set what a metric has added up, and let it compute anew (`_computed`, torchmetrics 1.9)."""
    for name, value in values.items():
        setattr(metric, name, value)
    metric._computed = None


def runs_whole_scripts(trainer: Trainer) -> bool:
    """Whether processes are no copies of this one (`_SubprocessScriptLauncher`, Lightning 2.6.6)."""
    launcher = trainer.strategy.launcher
    return launcher is None or isinstance(launcher, _SubprocessScriptLauncher)


def process_group_of(strategy: Strategy) -> tuple[str, timedelta | None] | None:
    """Backend and time limit of a strategy's processes (`_get_process_group_backend`, `_timeout`, Lightning 2.6.6)."""
    backend = getattr(strategy, "_get_process_group_backend", None)  # none where there is no group
    return backend and (backend(), strategy._timeout)  # type: ignore[attr-defined]


def answer_no_signals(trainer: Trainer) -> None:
    """Keep Lightning from answering SIGTERM and others itself (`_signal_connector`, Lightning 2.6.6)."""
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]


def end_no_processes() -> None:
    """Keep Lightning from killing all others at the exit of one (`_child_processes`, Lightning 2.6.6)."""
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            thread._child_processes = []  # type: ignore[attr-defined]


def searched_argument(finder: BatchSizeFinder | LearningRateFinder) -> str:
    """What Lightning's finder sets, empty for the usual one (`_batch_arg_name`, `_attr_name`, Lightning 2.6.6)."""
    return finder._batch_arg_name if isinstance(finder, BatchSizeFinder) else finder._attr_name


@contextmanager
def kept_parsing_settings() -> Iterator[None]:
    """Put jsonargparse's settings back at the end (`_common.parsing_settings`, jsonargparse 4.53)."""
    from jsonargparse import _common  # only a command needs it

    before = dict(_common.parsing_settings)
    try:
        yield
    finally:
        _common.parsing_settings.clear()
        _common.parsing_settings.update(before)
