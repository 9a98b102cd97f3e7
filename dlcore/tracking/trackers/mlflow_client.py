"""Client of MLflow: the server that MLFLOW_TRACKING_URI names, or else MLflow's own files on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from dlcore.config.secrets import HIDDEN, text_without_secrets
from dlcore.errors import TrackerError
from dlcore.tracking.trackers.client import Client
from dlcore.tracking.trackers.journal import unbroken
from dlcore.tracking.trackers.pending import RUNNING
from dlcore.translation import _

_URI = "MLFLOW_TRACKING_URI"
_TOKEN = "dlcore.token"
_MOST_PARAMS = 100  # in one request
_LONGEST = 5000  # characters of a tag


class MLflowClient(Client):
    """A run of MLflow: metrics, parameters, events as its description, files as artifacts."""

    def __init__(self, folder: Path, experiment: str, name: str) -> None:
        super().__init__(folder, experiment, name)
        import mlflow  # here, since it need not be installed

        self._mlflow: Any = mlflow

    def open(self, run: Mapping[str, str], began: int) -> dict[str, str]:
        """Create the run, or find it by its identifier or its token."""
        uri = os.environ.get(_URI) or run.get("uri") or _absolute(self._mlflow.get_tracking_uri())
        if HIDDEN in uri:
            raise TrackerError(f"MLflow's server needs a password, which is never kept. Set {_URI} again.")
        with unbroken(self.folder) if not uri.startswith("http") else nullcontext():  # it may make its database
            self._client = self._mlflow.MlflowClient(uri)
            first = None if "id" in run else self._experiment()
        if first is None:
            self._id = run["id"]
            self._continue(uri)
            experiment = self._client.get_run(self._id).info.experiment_id
        else:
            experiment = first
            found = self._client.search_runs([experiment], f"tags.`{_TOKEN}` = '{run['token']}'", max_results=1)
            made = found[0] if found else None
            if made is None:
                tags = {_TOKEN: run["token"], "mlflow.source.name": "dlcore fit", "mlflow.source.type": "LOCAL"}
                made = self._client.create_run(experiment, began or None, tags, self.name)
            self._id = made.info.run_id
        shown = text_without_secrets("uri", uri)
        page = f"{shown.rstrip('/')}/#/experiments/{experiment}/runs/{self._id}"
        where = page if uri.startswith("http") else f"mlflow ui --backend-store-uri {shown}"
        return {"id": self._id, "uri": shown, "address": where}

    def _experiment(self) -> str:
        if (found := self._client.get_experiment_by_name(self.experiment)) is None:
            try:
                return str(self._client.create_experiment(self.experiment))
            except self._mlflow.MlflowException:  # another process was faster
                found = self._client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise TrackerError(
                f"MLflow's experiment {self.experiment!r} was deleted. Restore it: mlflow experiments restore "
                f"--experiment-id {found.experiment_id}"
            )
        return str(found.experiment_id)

    def _continue(self, uri: str) -> None:
        try:
            self._client.update_run(self._id, RUNNING)
        except self._mlflow.MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE"):
                raise
            raise TrackerError(
                f"{text_without_secrets('uri', uri)} has no run {self._id}: it was deleted, or is on another server "
                f"(set {_URI}). To send all to a new run, move {self.folder / 'tracker' / 'mlflow.jsonl'} away."
            ) from error

    def send_settings(self, settings: Mapping[str, Any]) -> None:
        """Send parameters. MLflow keeps a parameter's first value: a changed one (a resumed run) becomes a tag."""
        known = self._client.get_run(self._id).data.params
        named = {_valid(name): str(value) for name, value in settings.items()}
        new = [self._mlflow.entities.Param(name, value) for name, value in named.items() if name not in known]
        for start in range(0, len(new), _MOST_PARAMS):
            self._client.log_batch(self._id, params=new[start : start + _MOST_PARAMS])
        changed = [
            self._mlflow.entities.RunTag(f"resumed.{name}", value)
            for name, value in named.items()
            if known.get(name, value) != value
        ]
        if changed:
            self._client.log_batch(self._id, tags=changed)

    def send_rows(self, rows: Mapping[int, Mapping[str, float]], time_of: Callable[[int], int]) -> None:
        """Send values as metrics, in one request."""
        metrics = [
            self._mlflow.entities.Metric(_valid(name), value, time_of(step), step)
            for step, values in rows.items()
            for name, value in values.items()
        ]
        self._client.log_batch(self._id, metrics=metrics)

    def send_events(self, new: Sequence[Mapping[str, Any]], all_: Sequence[Mapping[str, Any]]) -> None:
        """Send all events, as the run's description."""
        lines = [_("- step {step:,}: {text}").format(step=event["step"], text=event["text"]) for event in all_]
        while len(lines) > 2 and len("\n".join(lines)) > _LONGEST:
            del lines[1]  # keep the start, and the latest
        self._client.set_tag(self._id, "mlflow.note.content", "\n".join(lines))

    def send_file(self, path: Path, step: int) -> None:
        """Send a file as an artifact."""
        within = path.relative_to(self.folder).parent.as_posix()
        self._client.log_artifact(self._id, str(path), None if within == "." else within)

    def close(self, status: str) -> None:
        """Set the run's status."""
        self._client.set_terminated(self._id, status)


def _valid(name: str) -> str:
    return re.sub(r"[^/\w.\- ]", "_", name)


def _absolute(uri: str) -> str:
    """Return the address of MLflow's files with an absolute path, so that it is the same from another folder."""
    head, separator, path = uri.partition(":///")
    if head == "sqlite" and separator and not Path(path).is_absolute():
        return f"{head}:///{Path(path).resolve()}"
    return uri if "://" in uri or ":" in uri else str(Path(uri).resolve())
