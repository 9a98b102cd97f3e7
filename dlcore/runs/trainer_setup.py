"""Trainer setup: create the trainer with its callbacks, and the logger with the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.fabric.plugins import CheckpointIO, ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint, ProgressBar

from dlcore.config.tracker_kinds import Kind
from dlcore.errors import ArgumentError, FitError
from dlcore.execution.loop import ExecutionLoop, Steps
from dlcore.processes import by_slurm, by_torchrun
from dlcore.runs.checkpoint_file import AtomicCheckpointIO, find_checkpoint, read_checkpoint
from dlcore.runs.folder import run_of_checkpoint, runs_root
from dlcore.runs.process import check_devices, check_strategy, with_launched_processes
from dlcore.runs.settings import Settings
from dlcore.tracking import RunLogger
from dlcore.tracking.run_file import new_run_folder
from dlcore.tracking.trackers.tracker_logger import TrackerLogger


def make_trainer(arguments: dict[str, Any], callbacks: list[Callback], steps: Steps = 1) -> Trainer:
    """Create a trainer.

    Args:
        arguments: Arguments of Lightning's Trainer, as configured.
        callbacks: dlcore's own, in order; the callbacks in `arguments` follow them.
        steps: Optimiser steps between two calls of hooks, see `dlcore.callbacks.StepsPerExecution`.
    """
    arguments = with_launched_processes(arguments)
    check_devices(arguments["accelerator"], arguments["devices"])
    check_strategy(arguments["strategy"])
    arguments["callbacks"] = [*callbacks, *as_list(arguments["callbacks"])]
    if not any(isinstance(callback, Checkpoint) for callback in arguments["callbacks"]):
        arguments["enable_checkpointing"] = bool(arguments["enable_checkpointing"])
    if not any(isinstance(callback, ProgressBar) for callback in arguments["callbacks"]):
        arguments["enable_progress_bar"] = False
    arguments["enable_model_summary"] = bool(arguments["enable_model_summary"])
    plugins = as_list(arguments["plugins"])
    if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
        plugins.append(AtomicCheckpointIO())
    if by_slurm() and not by_torchrun() and not any(isinstance(plugin, ClusterEnvironment) for plugin in plugins):
        try:
            # Lightning's own requeue saves a separate checkpoint elsewhere and continues to train.
            plugins.append(SLURMEnvironment(auto_requeue=False))
        except RuntimeError as error:
            raise FitError(f"SLURM: {' '.join(str(error).split())}") from error
    arguments["plugins"] = plugins
    for name in ("val_check_interval", "check_val_every_n_epoch"):
        if arguments[name] == 0:
            raise ArgumentError(
                f"trainer.{name}", "a number above 0", 0, "To switch validation off: --trainer.limit_val_batches 0"
            )
    try:
        trainer = Trainer(**arguments)
    except (ValueError, TypeError, ImportError, MisconfigurationException) as error:
        raise FitError(f"trainer: {' '.join(str(error).split())}") from error
    trainer.fit_loop.epoch_loop = ExecutionLoop(trainer, steps)
    return trainer


def make_logger(
    settings: Settings, trainer: Trainer, wanted: Path | None = None, restarted: Path | None = None
) -> tuple[RunLogger, bool]:
    """Create the logger of a run in a new folder, or in the folder of the resumed run.

    The newest checkpoint of a run resumes in the run's folder. An older one starts a new run, so that nothing is lost.

    Args:
        settings: The run's settings.
        trainer: Its trainer.
        wanted: Folder of a new run; None: the next free one.
        restarted: Folder of an earlier attempt without checkpoint: the run starts in it again.

    Returns:
        The logger, and whether this process created a new folder for it.
    """
    newest = _newest_run(settings)
    if newest is not None:
        step = settings.checkpoint["global_step"]
        return RunLogger(newest, newest.parent.name, resume_step=step), False
    if restarted is not None:
        return RunLogger(restarted, restarted.parent.name, resume_step=0), False
    if wanted is not None:
        return RunLogger(wanted, settings.name), False
    root = runs_root(settings.root_dir)
    if not trainer.is_global_zero:
        # Other ranks never write; they get the folder after the process group is set up.
        return RunLogger(root / settings.name, settings.name), False
    folder = new_run_folder(root, settings.name)
    return RunLogger(folder, settings.name), True


def add_tracker(trainer: Trainer, run: RunLogger, kind: Kind | None) -> None:
    """Add the logger of a tracker to a trainer; None: no tracker."""
    if kind is None:
        return
    tracker = TrackerLogger(kind, run)
    trainer.loggers = [*trainer.loggers, tracker]
    if trainer.is_global_zero:
        tracker.start()  # early: a tracker's library takes seconds to import


def keep_checkpoints_in(trainer: Trainer, folder: Path) -> None:
    """Make Lightning's own checkpoint callbacks save into a run's folder if they have no folder set."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
            callback.dirpath = str(folder / "checkpoints")


def folder_of(trainer: Trainer) -> Path | None:
    """Return the folder of a trainer's run, or None. Unlike `log_dir`, this is not a collective operation."""
    return next((Path(logger.log_dir) for logger in trainer.loggers if isinstance(logger, RunLogger)), None)


def _newest_run(settings: Settings) -> Path | None:
    """Return the run folder of the checkpoint if it is the run's newest one, or None."""
    path = settings.checkpoint_path
    folder = run_of_checkpoint(path) if path is not None else None
    if folder is None:
        return None
    newest = read_checkpoint(find_checkpoint(str(folder), folder, None))
    return folder if newest["global_step"] == settings.checkpoint["global_step"] else None


def as_list(value: Any) -> list[Any]:
    """Return an argument that the trainer takes as one or several objects as a list, empty for None."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
