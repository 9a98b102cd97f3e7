"""TensorBoard's HPARAMS tab: a run's settings beside its real metrics.

No Experiment record is written: TensorBoard would take that of the first run it finds for all runs in the folder.
Without one it joins what it finds: the settings of all sessions, and as metrics all scalars that these runs really
logged, each with its last value. So there is no ``hp_metric`` and no second run that holds nothing but metrics.
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
    """A run as the tab shows it: one line, with its settings, from a start to an end.

    Attributes:
        shown: Whether there is such a line: not for what only adds to a run that has ended.
    """

    def __init__(self) -> None:
        self.shown = True
        self._settings: dict[str, bool | float | str] = {}
        self._begun = self._ended = False

    def add(self, params: Mapping[str, Any] | argparse.Namespace) -> None:
        """Take note of settings; several calls add up."""
        self._settings.update(columns(params))

    def begin(self) -> Summary | None:
        """The record of its start, at the first call with settings; else None.

        To be asked for as late as possible: TensorBoard takes the first record of a run and no second one, and settings
        may come in several calls (the model's own by Lightning, those of the recipe by the run).
        """
        if not self.shown or self._begun or not self._settings:
            return None
        self._begun = True
        return session_start(self._settings)

    def end(self, success: bool) -> Summary | None:
        """The record of its end, at the first call after its start; else None."""
        if not self.shown or not self._begun or self._ended:
            return None
        self._ended = True
        return session_end(success)


def columns(params: Mapping[str, Any] | argparse.Namespace) -> dict[str, bool | float | str]:
    """Turn nested settings into a flat table for the HPARAMS tab.

    ``{"model": {"class_path": "dlcore.models.MLP", "init_args": {"dropout": 0.1}}}`` becomes
    ``{"model": "MLP", "model.dropout": 0.1}``. Finite numbers stay numbers, so that TensorBoard can sort and filter
    by them; all else becomes text of at most 60 characters. Names that begin with an underscore are left out.
    """
    named = ((name, value) for name, value in flatten(_plain(params)) if not f".{name}".count("._"))
    return {name: _cell(value) for name, value in named}


def _plain(value: Any) -> Any:
    """Nested namespaces as mappings."""
    settings = vars(value) if isinstance(value, argparse.Namespace) else value
    return {key: _plain(inner) for key, inner in settings.items()} if isinstance(settings, Mapping) else settings


def _cell(value: Any) -> bool | float | str:
    if isinstance(value, bool):
        return value
    return float(value) if isinstance(value, Real) and math.isfinite(value) else _as_text(value)


def session_start(params: Mapping[str, bool | float | str]) -> Summary:
    """The record that a run with these (flat) settings begins."""
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
    """The record that a run has ended."""
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
        # The name of a class or function; an object's own text would hold its address, another one in each run.
        text = getattr(value, "__name__", type(value).__name__)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
