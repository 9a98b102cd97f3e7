"""All uses of private names of Lightning, torchmetrics and jsonargparse, in one place.

Each docstring names the private attribute and the release that has it. `dlcore.torch_compat` holds those of torch,
`dlcore.execution` those of the fast path. `tests/test_lightning_compat.py` states what breaks if one is removed, and
lists the private names that our subclasses of Lightning's classes use.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.loops.evaluation_loop import RestartStage as ValidationStage
from lightning.pytorch.loops.training_epoch_loop import RestartStage as BatchStage
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from torch.nn.parallel import DistributedDataParallel
from torchmetrics import Metric

AnyModule = TypeVar("AnyModule", bound=LightningModule)


def callbacks_of(trainer: Trainer) -> list[Callback]:
    """Return a trainer's callbacks. Lightning declares no type for this attribute, nor for those below."""
    untyped: Any = trainer
    callbacks: list[Callback] = untyped.callbacks
    return callbacks


def data_module_of(trainer: Trainer) -> Any:
    """Return a trainer's data module, of any class; None without one."""
    untyped: Any = trainer
    return untyped.datamodule


def is_fast_dev_run(trainer: Trainer) -> bool:
    """Return whether a run only tries some batches, and keeps nothing."""
    untyped: Any = trainer
    return bool(untyped.fast_dev_run)


def log_interval(trainer: Trainer) -> int:
    """Return the steps from one logged value to the next, at least 1."""
    untyped: Any = trainer
    return untyped.log_every_n_steps or 1


def copy_without_trainer(model: AnyModule) -> AnyModule:
    """Return a deep copy of a module without its trainer (`_trainer`, Lightning 2.6.6)."""
    trainer, model._trainer = model._trainer, None
    try:
        return copy.deepcopy(model)
    finally:
        model._trainer = trainer


def attach(trainer: Trainer, model: LightningModule, datamodule: LightningDataModule) -> None:
    """Connect trainer, model and data as `fit` does (`_data_connector.attach_data`, Lightning 2.6.6)."""
    trainer._data_connector.attach_data(model, datamodule=datamodule)


def new_training_loader(trainer: Trainer) -> Any:
    """Create another training loader; leave the one of the fit unchanged (`_data_source`, Lightning 2.6.6)."""
    return trainer.fit_loop._data_source.dataloader()


def training_loaders(trainer: Trainer) -> list[Any]:
    """Return the training loaders of a fit, [] before they exist (`_combined_loader`, Lightning 2.6.6)."""
    combined = trainer.fit_loop._combined_loader
    return [] if combined is None else list(combined.flattened)


def validation_follows(trainer: Trainer) -> bool:
    """Return whether validation runs after the current batch (`_should_check_val_fx`, Lightning 2.6.6)."""
    return trainer.fit_loop.epoch_loop._should_check_val_fx(trainer.fit_loop._data_fetcher)  # type: ignore[arg-type]


def gradients_wait(trainer: Trainer) -> bool:
    """Return whether this batch only accumulates gradients, without a step (`_should_accumulate`, Lightning 2.6.6)."""
    return trainer.fit_loop.epoch_loop._should_accumulate()


def end_restart(trainer: Trainer) -> None:
    """Clear the restart flag and the loader states still to load (`_restarting`, Lightning 2.6.6)."""
    trainer.fit_loop._restarting = False  # else the epoch's end would skip `ReduceLROnPlateau`
    trainer.fit_loop._combined_loader_states_to_load = []


def go_back_to_end_of_batch(trainer: Trainer) -> None:
    """Continue at the end of the current batch (`_restart_stage`, `_first_loop_iter`, Lightning 2.6.6)."""
    trainer._logger_connector._first_loop_iter = True
    trainer.fit_loop.epoch_loop._restart_stage = BatchStage.RESTARTED_ON_LAST


def validate_from_the_beginning(trainer: Trainer) -> None:
    """Restart the validation during which the checkpoint was written (`_restart_stage`, Lightning 2.6.6)."""
    validation = trainer.fit_loop.epoch_loop.val_loop
    total: Any = validation.batch_progress.total
    begun = total.completed - validation.batch_progress.current.completed
    total.ready = total.started = total.processed = total.completed = begun
    validation.batch_progress.reset_on_run()
    validation._restart_stage = ValidationStage.RESTARTED_MID_EVALUATION


def end_batch(trainer: Trainer) -> None:
    """End a batch without validation after it (`_batches_that_stepped`, `_is_training_done`, Lightning 2.6.6)."""
    loop = trainer.fit_loop.epoch_loop
    loop.update_lr_schedulers("step", update_plateau_schedulers=True)
    if not loop._should_accumulate():
        loop._batches_that_stepped += 1
    if loop._is_training_done:
        loop.val_loop._has_run = True  # only the end of the epoch is left


def end_epoch(trainer: Trainer) -> None:
    """End an epoch after its hooks have run (`_logger_connector`, `_batches_that_stepped`, Lightning 2.6.6)."""
    fit_loop, loop, connector = trainer.fit_loop, trainer.fit_loop.epoch_loop, trainer._logger_connector
    connector.epoch_end_reached()
    connector.on_epoch_end()
    if loop._num_ready_batches_reached():
        loop.update_lr_schedulers("epoch", update_plateau_schedulers=True)
    loop._batches_that_stepped -= 1
    connector.update_train_epoch_metrics()
    loop._batches_that_stepped += 1
    fit_loop.epoch_progress.increment_completed()


# Attributes that hold the sums of an entry of `logged_results`, and counters of a metric that are no states.
SUMS = ("value", "cumulated_batch_size", "_forward_cache", "_update_count", "has_reset")
COUNTS = ("_update_count", "_num_vals_seen")


def logged_results(loop: Any) -> dict[str, Any]:
    """Return the results of `self.log` in a training or validation loop, by name (`_results`, Lightning 2.6.6)."""
    results: dict[str, Any] = loop._results
    return results


def steps_of_validation(trainer: Trainer) -> dict[int, int]:
    """Return the step counters for logging validation batches (`_seen_batches_per_dataloader`, Lightning 2.6.6)."""
    return trainer.fit_loop.epoch_loop.val_loop._seen_batches_per_dataloader


def put_back(metric: Metric, values: dict[str, Any]) -> None:
    """Restore a metric's states and clear its cached result (`_computed`, torchmetrics 1.9)."""
    for name, value in values.items():
        setattr(metric, name, value)
    metric._computed = None


def runs_whole_scripts(trainer: Trainer) -> bool:
    """Return whether each process runs the whole script, no copy (`_SubprocessScriptLauncher`, Lightning 2.6.6)."""
    launcher = trainer.strategy.launcher
    return launcher is None or isinstance(launcher, _SubprocessScriptLauncher)


def process_group_of(strategy: Strategy) -> tuple[str, timedelta | None] | None:
    """Return a process group's backend and timeout (`_get_process_group_backend`, `_timeout`, Lightning 2.6.6)."""
    backend = getattr(strategy, "_get_process_group_backend", None)  # None: the strategy has no process group
    return backend and (backend(), strategy._timeout)  # type: ignore[attr-defined]


def wrap_again(trainer: Trainer) -> None:
    """Wrap the module for several processes anew (`_setup_model`, `_register_ddp_hooks`, Lightning 2.6.6).

    DistributedDataParallel averages the gradients of the parameters that had `requires_grad` when it was made.
    """
    strategy: Any = trainer.strategy
    if isinstance(strategy.model, DistributedDataParallel):
        strategy.model = strategy._setup_model(strategy.model.module)
        strategy._register_ddp_hooks()


def answer_no_signals(trainer: Trainer) -> None:
    """Stop Lightning from installing its signal handlers, as for SIGTERM (`_signal_connector`, Lightning 2.6.6)."""
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]


def end_no_processes() -> None:
    """Stop Lightning from killing all processes when one exits (`_child_processes`, Lightning 2.6.6)."""
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            thread._child_processes = []  # type: ignore[attr-defined]


def searched_argument(finder: BatchSizeFinder | LearningRateFinder) -> str:
    """Return the argument that a finder sets, "" for the default (`_batch_arg_name`, `_attr_name`, Lightning 2.6.6)."""
    return finder._batch_arg_name if isinstance(finder, BatchSizeFinder) else finder._attr_name


@contextmanager
def kept_parsing_settings() -> Iterator[None]:
    """Restore jsonargparse's settings after the block (`_common.parsing_settings`, jsonargparse 4.53)."""
    from jsonargparse import _common  # only commands need it

    before = dict(_common.parsing_settings)
    try:
        yield
    finally:
        _common.parsing_settings.clear()
        _common.parsing_settings.update(before)
