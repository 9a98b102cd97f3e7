"""``events.jsonl``: what happened in a run besides its numbers, one event a line, readable at any moment."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlcore.errors import ArgumentError, DataError
from dlcore.tracking.metric_names import known_modes
from dlcore.tracking.run_file import append, replace_file

FILE = "events.jsonl"
# What can happen to a run; the order is that of a life.
KINDS = (
    "started",
    "resumed",
    "learning_rate_cut",
    "new_best",
    "stopped_early",
    "not_finite",
    "batch_left_out",
    "busy_machine",
    "interrupted",
    "failed",
    "finished",
)
# JSON has no such numbers: they are written as words.
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Timeline:
    """Writes events, a JSON object a line: ``time``, ``step``, ``epoch``, ``kind``, ``text`` and numbers of its own.

    A line is in the file when `write` returns, so that a killed process loses nothing. The beginning of a line, which a
    process that was killed while writing leaves behind, is dropped.

    Args:
        path: The file. An existing one is continued.
        last_step: Events of later steps are dropped (a run goes on from the checkpoint of this step); None keeps all.

    Raises:
        DataError: The file exists and holds something else.
        RunFileError: It cannot be written.
    """

    def __init__(self, path: Path, last_step: int | None = None) -> None:
        self.path = path
        if not path.exists():
            return
        lines = _lines(path)
        kept = [line for line, event in lines if last_step is None or event["step"] <= last_step]
        content = b"".join(kept)
        if len(content) != path.stat().st_size:
            replace_file(path, content)

    def write(self, kind: str, text: str, step: int, epoch: float | None, **numbers: Any) -> None:
        """Add an event.

        Args:
            kind: What happened, one of `KINDS`.
            text: The same for people, with its reason: one sentence or two in one line.
            step: Optimiser steps that were done.
            epoch: Epochs that were done, with their fraction; None where that is not known.
            numbers: What else belongs to it: numbers, names, by names of your own.

        Raises:
            ArgumentError: There is no such kind.
        """
        if kind not in KINDS:
            raise ArgumentError("kind", f"one of {', '.join(KINDS)}", kind)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        event = {"time": time, "step": step, "epoch": epoch, "kind": kind, "text": " ".join(text.split()), **numbers}
        plain = {name: _plain(value) for name, value in event.items()}
        line = json.dumps(plain, ensure_ascii=False, allow_nan=False).encode("utf-8", errors="replace") + b"\n"
        append(self.path, line)


def read_events(folder: str | Path) -> list[dict[str, Any]]:
    """The events of a run, in the order in which they happened.

    Args:
        folder: The run's folder.

    Returns:
        An event each: ``time`` (ISO 8601), ``step``, ``epoch`` (None: not known), ``kind``, ``text`` and its own
        numbers, NaN and infinity among them. Empty for a run that has none.

    Raises:
        DataError: The file is not one of events.
    """
    path = Path(folder) / FILE
    return [event for _, event in _lines(path)] if path.exists() else []


def kept_modes(folder: str | Path) -> dict[str, str]:
    """By which mode, ``min`` or ``max``, a run kept its best states, by metric; nothing where it does not tell."""
    try:
        return known_modes(read_events(folder))
    except DataError:  # its file was changed by hand
        return {}


def _lines(path: Path) -> list[tuple[bytes, dict[str, Any]]]:
    """The whole lines of a file with what they say; a last one without its end was cut off and is left out."""
    content = path.read_bytes()
    found = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(keepends=True), start=1):
        try:
            event = json.loads(line)
            if not isinstance(event["step"], int) or not isinstance(event["kind"], str):
                raise TypeError
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number}: this is no event as dlcore writes it (a JSON object a line, with step and "
                "kind). Move the file away."
            ) from error
        values = {name: _WORDS.get(value, value) if isinstance(value, str) else value for name, value in event.items()}
        found.append((line, values))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | str) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else str(number)
