"""What a run keeps of how it came about, and of what became of it: its config, what its data knew, its events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning.pytorch import LightningModule, Trainer

import dlcore
from dlcore.callbacks.metric_callback import say
from dlcore.callbacks.run_events import RunEvents
from dlcore.configs.secrets import without_secrets
from dlcore.runs.checkpoint_file import RECORD_KEY
from dlcore.runs.found_settings import take_found
from dlcore.runs.trainer_setup import folder_of
from dlcore.tracking.run_file import replace_file


class RunRecord(RunEvents):
    """Writes ``config.yaml`` into the run's folder and the same into each checkpoint, so that either is enough.

    It writes the run's events too: one callback and not two, since each costs a few microseconds a step.

    Args:
        config: The whole config, plain values. Passwords and keys in it are not kept.
        name: The run's name.
        facts: What the data know (`ArrayData.facts`): class names, scale, source.
        command: The command line of the fit.
    """

    def __init__(self, config: dict[str, Any], name: str, facts: dict[str, Any], command: str = "") -> None:
        super().__init__(command)
        self.config, self.name, self.facts = without_secrets(config), name, facts

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the config. The data are read by now, and know where they came from."""
        self.facts = trainer.datamodule.facts() if hasattr(trainer.datamodule, "facts") else self.facts  # type: ignore[attr-defined]
        # Not trainer.log_dir: that talks to the other processes, which are not here.
        folder = folder_of(trainer)
        if stage != "fit" or not trainer.is_global_zero or folder is None:
            return
        self._write(folder)

    def _write(self, folder: Path) -> None:
        versions = f"dlcore {dlcore.__version__}, lightning {lightning.__version__}, torch {torch.__version__}"
        text = yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True)
        header = f"# {self.name}: {versions}\n# data: {self.facts.get('source', 'not said')}\n"
        replace_file(folder / "config.yaml", (header + text).encode())

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the hyper-parameters, and take up those that were found just now."""
        super().on_train_start(trainer, pl_module)
        if found := take_found(trainer, pl_module, self.config):
            say(trainer, *found)
            folder = folder_of(trainer)
            if trainer.is_global_zero and folder is not None:
                self._write(folder)
        for logger in trainer.loggers:
            logger.log_hyperparams(hyperparameters(self.config, self.facts.get("source", "")))

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the record in the checkpoint."""
        checkpoint[RECORD_KEY] = {
            "version": dlcore.__version__,
            "name": self.name,
            "config": self.config,
            "facts": self.facts,
        }


def hyperparameters(config: dict[str, Any], source: str) -> dict[str, Any]:
    """The settings that tell runs apart: model, data and their source, seed and length."""
    trainer = {
        key: value
        for key, value in config.get("trainer", {}).items()
        if key in ("max_epochs", "max_steps", "precision")
    }
    chosen: dict[str, Any] = {key: config.get(key) for key in ("seed_everything", "model", "data") if key in config}
    return {**chosen, "trainer": trainer, "data.source": source}
