"""Client of SwanLab: offline in the run's folder, or as SWANLAB_MODE says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcore.plain_text import shell_word
from dlcore.tracking.trackers.client import Client
from dlcore.tracking.trackers.pending import FAILED, FINISHED

_ENDS = {FINISHED: "success", FAILED: "crashed"}


class SwanLabClient(Client):
    """A run of SwanLab: scalars, config, events as texts, figures as images, files."""

    def __init__(self, folder: Path, experiment: str, name: str) -> None:
        super().__init__(folder, experiment, name)
        import swanlab  # here, since it need not be installed

        self._swanlab: Any = swanlab

    def open(self, run: Mapping[str, str], began: int) -> dict[str, str]:
        """Begin a run, or continue the one with the token as its identifier."""
        logs = self.folder / "tracker" / "swanlog"
        mode: Any = os.environ["SWANLAB_MODE"]
        self._run = self._swanlab.init(
            project=os.environ.get("SWANLAB_PROJ_NAME") or self.experiment,
            name=self.name,
            id=run["token"][:21],
            resume="allow",
            mode=mode,
            log_dir=str(logs),
        )
        offline = f"swanlab sync {shell_word(os.path.relpath(logs))}/run-*"
        return {"id": run["token"][:21], "address": (mode == "online" and self._run.url) or offline}

    def send_settings(self, settings: Mapping[str, Any]) -> None:
        """Send the config."""
        self._swanlab.config.update(dict(settings))

    def send_rows(self, rows: Mapping[int, Mapping[str, float]], time_of: Callable[[int], int]) -> None:
        """Send values, each step's together."""
        for step, values in rows.items():
            self._swanlab.log(dict(values), step=step)

    def send_events(self, new: Sequence[Mapping[str, Any]], all_: Sequence[Mapping[str, Any]]) -> None:
        """Send new events, as texts."""
        for event in new:
            self._swanlab.log({f"event/{event['kind']}": self._swanlab.Text(event["text"])}, step=event["step"])

    def send_file(self, path: Path, step: int) -> None:
        """Send a figure as an image, another file as such."""
        if path.suffix == ".png":
            self._swanlab.log({f"figures/{path.stem}": self._swanlab.Image(str(path))}, step=step)
        else:
            # SwanLab has a config.yaml of its own: ours lies in a folder.
            self._swanlab.save(str(path), base_path=str(self.folder.parent), policy="now")

    def close(self, status: str) -> None:
        """End the run."""
        state: Any = _ENDS.get(status, "aborted")
        self._swanlab.finish(state, error=status if state == "crashed" else None)
