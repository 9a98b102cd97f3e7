"""Client of W&B: offline in the run's folder, or online if WANDB_MODE says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcore.plain_text import shell_word
from dlcore.tracking.trackers.client import Client
from dlcore.tracking.trackers.pending import FINISHED

_STEP = "trainer/global_step"  # the name that Lightning's WandbLogger uses


class WandbClient(Client):
    """A run of W&B: history, config, events as texts, figures as images, files and checkpoint."""

    def __init__(self, folder: Path, experiment: str, name: str) -> None:
        super().__init__(folder, experiment, name)
        import wandb  # here, since it need not be installed

        self._wandb: Any = wandb

    def open(self, run: Mapping[str, str], began: int) -> dict[str, str]:
        """Begin a run, or continue the one with the token as its identifier."""
        folder = self.folder / "tracker"
        folder.mkdir(exist_ok=True)
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT") or self.experiment,
            name=self.name,
            id=run["token"][:16],
            resume="allow",
            dir=str(folder),
            settings=self._wandb.Settings(console="off", disable_git=True, x_disable_stats=True, x_disable_meta=True),
        )
        self._run.define_metric(_STEP)
        self._run.define_metric("*", step_metric=_STEP)
        offline = f"wandb sync {shell_word(os.path.relpath(folder / 'wandb'))}/offline-run-*"
        return {"id": self._run.id, "address": offline if self._run.offline else str(self._run.url)}

    def send_settings(self, settings: Mapping[str, Any]) -> None:
        """Send the config."""
        self._run.config.update(dict(settings), allow_val_change=True)

    def send_rows(self, rows: Mapping[int, Mapping[str, float]], time_of: Callable[[int], int]) -> None:
        """Send values, each step's together."""
        for step, values in rows.items():
            self._run.log({**values, _STEP: step, "_timestamp": time_of(step) / 1000})

    def send_events(self, new: Sequence[Mapping[str, Any]], all_: Sequence[Mapping[str, Any]]) -> None:
        """Send new events, as texts."""
        for event in new:
            self._run.log({f"event/{event['kind']}": event["text"], _STEP: event["step"]})

    def send_file(self, path: Path, step: int) -> None:
        """Send a figure as an image, a checkpoint as an artifact, another file as such."""
        if path.suffix == ".png":
            self._run.log({f"figures/{path.stem}": self._wandb.Image(str(path)), _STEP: step})
        elif path.suffix == ".ckpt":
            artifact = self._wandb.Artifact(f"checkpoint-{self._run.id}", type="model")
            artifact.add_file(str(path), policy="immutable")  # from its place, without a copy
            self._run.log_artifact(artifact)
        else:
            # W&B has a config.yaml of its own: ours lies in a folder.
            self._run.save(str(path), base_path=str(self.folder.parent), policy="now")

    def close(self, status: str) -> None:
        """End the run; online, wait until all is sent."""
        self._run.finish(exit_code=int(status != FINISHED))
