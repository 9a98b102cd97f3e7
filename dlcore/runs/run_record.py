"""Run record: the config, the facts of the data and the events of a run, saved in its folder and checkpoints."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning.pytorch import LightningModule, Trainer

import dlcore
from dlcore.callbacks.data_facts import data_facts
from dlcore.callbacks.metric_callback import say
from dlcore.callbacks.run_events import RunEvents
from dlcore.config.allow_list import found_at
from dlcore.config.secrets import without_secrets
from dlcore.lightning_compat import data_module_of
from dlcore.runs.checkpoint_file import RECORD_KEY
from dlcore.runs.found_settings import take_found
from dlcore.runs.trainer_setup import folder_of
from dlcore.tracking.run_file import replace_file

_ALWAYS_LOGGED = ("lr", "batch_size")


class RunRecord(RunEvents):
    """Write ``config.yaml`` into the run's folder and the config into each checkpoint, so that either is enough.

    Write the run's events too: one callback, not two, since each costs a few microseconds per step.

    Args:
        config: The whole config, plain values. Passwords and keys in it are not saved.
        name: The run's name.
        facts: Facts of the data (`ArrayData.facts`): class names, scale, source.
        command: The command line of the fit.
    """

    def __init__(self, config: dict[str, Any], name: str, facts: dict[str, Any], command: str = "") -> None:
        super().__init__(command)
        self.config, self.name, self.facts = without_secrets(config), name, facts
        self._folder: Path | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the config. The data are set up by now, and have their source."""
        self.facts = data_facts(data_module_of(trainer)) or self.facts
        # Not trainer.log_dir: that is a collective operation, and only rank 0 may reach it.
        folder = folder_of(trainer)
        if stage != "fit" or not trainer.is_global_zero or folder is None:
            return
        self._folder = folder
        self._write(folder)

    def keep(self, section: str, settings: dict[str, Any]) -> None:
        """Add settings found during the run to a section: in later checkpoints, and in ``config.yaml``."""
        self.config[section] = {**(self.config.get(section) or {}), **settings}
        if self._folder is not None:
            self._write(self._folder)

    def _write(self, folder: Path) -> None:
        versions = f"dlcore {dlcore.__version__}, lightning {lightning.__version__}, torch {torch.__version__}"
        text = yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True)
        header = f"# {self.name}: {versions}\n# data: {self.facts.get('source', 'not said')}\n"
        replace_file(folder / "config.yaml", (header + text).encode())

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the hyper-parameters, including those that a finder has just found."""
        super().on_train_start(trainer, pl_module)
        if found := take_found(trainer, pl_module, self.config):
            say(trainer, *found)
            folder = folder_of(trainer)
            if trainer.is_global_zero and folder is not None:
                self._write(folder)
        for logger in trainer.loggers:
            logger.log_hyperparams(hyperparameters(self.config, self.facts.get("source", "")))

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Save the record in the checkpoint."""
        checkpoint[RECORD_KEY] = {
            "version": dlcore.__version__,
            "name": self.name,
            "config": self.config,
            "facts": self.facts,
        }


def hyperparameters(config: dict[str, Any], source: str) -> dict[str, Any]:
    """Return the settings that distinguish runs: model, data and their source, seed and length.

    Leave out defaults, except learning rate and batch size: ten columns are clearer than a hundred. Leave out the name
    of built-in data too: the source contains it, and a file or folder overrides it.
    """
    trainer = {
        key: value
        for key, value in config.get("trainer", {}).items()
        if key in ("max_epochs", "max_steps", "precision") and value not in (None, -1)
    }
    chosen: dict[str, Any] = {
        key: _without_defaults(config[key]) for key in ("seed_everything", "model", "data") if key in config
    }
    if isinstance(chosen.get("data"), dict):
        chosen["data"].get("init_args", {}).pop("builtin", None)
    return {**chosen, "trainer": trainer, "data.source": source}


def _without_defaults(value: Any) -> Any:
    """Return settings without the arguments that have the default of their class, also in nested classes."""
    if not isinstance(value, dict):
        return value
    kept = {name: _without_defaults(inner) for name, inner in value.items()}
    if isinstance(value.get("class_path"), str) and isinstance(value.get("init_args"), dict):
        given = value["init_args"].items()
        usual = _defaults(value["class_path"])
        changed = [n for n, inner in given if n in _ALWAYS_LOGGED or n not in usual or _plain(usual[n]) != inner]
        kept["init_args"] = {name: kept["init_args"][name] for name in changed}
    return kept


def _defaults(class_path: str) -> dict[str, Any]:
    try:
        parameters = inspect.signature(found_at(class_path)).parameters
    except (TypeError, ValueError):  # there is no such class here, or it has no signature
        return {}
    return {name: parameter.default for name, parameter in parameters.items()}


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default
