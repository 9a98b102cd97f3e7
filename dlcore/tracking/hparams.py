"""TensorBoard's HPARAMS tab: a run's settings next to its logged metrics.

No Experiment record is written: TensorBoard would use the first run's record for all runs in the folder. Without one,
it joins the settings of all sessions, and as metrics all scalars that the runs logged, each with its last value. So
there is no ``hp_metric`` and no second run with metrics only.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.config.merge import flatten

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

_LONGEST_TEXT = 60


class Session:
    """Session of a run in the tab: one line with its settings, from start to end.

    Attributes:
        shown: Whether to show the line; False for an addition to an ended run.
    """

    def __init__(self) -> None:
        self.shown = True
        self._settings: dict[str, bool | float | str] = {}
        self._begun = self._ended = False

    def add(self, params: Mapping[str, Any] | argparse.Namespace) -> None:
        """Add settings; several calls are merged."""
        self._settings.update(columns(params))

    def begin(self) -> Summary | None:
        """Return the start record at the first call with settings; else None.

        Call this as late as possible: TensorBoard uses only the first record of a run, and settings may be added in
        several calls (the model's by Lightning, the recipe's by the run).
        """
        if not self.shown or self._begun or not self._settings:
            return None
        self._begun = True
        return session_start(self._settings)

    def end(self, success: bool) -> Summary | None:
        """Return the end record at the first call after the start; else None."""
        if not self.shown or not self._begun or self._ended:
            return None
        self._ended = True
        return session_end(success)


def columns(params: Mapping[str, Any] | argparse.Namespace) -> dict[str, bool | float | str]:
    """Flatten nested settings for the HPARAMS tab.

    ``{"model": {"class_path": "dlcore.models.MLP", "init_args": {"dropout": 0.1}}}`` becomes
    ``{"model": "MLP", "model.dropout": 0.1}``. Finite numbers stay numbers, so that TensorBoard can sort and filter
    by them; other values become text of at most 60 characters. Names with a leading underscore are omitted.
    """
    named = ((name, value) for name, value in flatten(_plain(params)) if not f".{name}".count("._"))
    return {name: _cell(value) for name, value in named}


def _plain(value: Any) -> Any:
    """Convert nested namespaces to mappings."""
    settings = vars(value) if isinstance(value, argparse.Namespace) else value
    return {key: _plain(inner) for key, inner in settings.items()} if isinstance(settings, Mapping) else settings


def _cell(value: Any) -> bool | float | str:
    if isinstance(value, bool):
        return value
    return float(value) if isinstance(value, Real) and math.isfinite(value) else _as_text(value)


def session_start(params: Mapping[str, bool | float | str]) -> Summary:
    """Return the record for the start of a run with these (flat) settings."""
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

    start = SessionStartInfo(start_time_secs=time.time())
    for name, value in params.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    return _summary(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))


def session_end(success: bool) -> Summary:
    """Return the record for the end of a run."""
    from tensorboard.plugins.hparams.api_pb2 import Status
    from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    status = Status.Value("STATUS_SUCCESS" if success else "STATUS_FAILURE")
    end = SessionEndInfo(status=status, end_time_secs=time.time())
    return _summary(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR, create_summary_metadata

    return Summary(value=[Summary.Value(tag=tag, metadata=create_summary_metadata(data), tensor=NULL_TENSOR)])


def _as_text(value: Any) -> str:
    if isinstance(value, str | Path | Real | None):
        text = str(value)
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(_as_text, value))}]"
    elif isinstance(value, Mapping):
        text = str({key: _as_text(item) for key, item in value.items()})
    else:
        # Use the name of a class or function: an object's text would contain its address, which differs per run.
        text = getattr(value, "__name__", type(value).__name__)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
