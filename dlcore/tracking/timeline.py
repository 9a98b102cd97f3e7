"""``events.jsonl``: the events of a run, one per line, readable at any time; and its first NaN or infinite values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlcore.errors import ArgumentError, DataError
from dlcore.tracking.metric_names import known_modes
from dlcore.tracking.run_file import append, replace_file
from dlcore.translation import _

FILE = "events.jsonl"
# Kinds of events, in the order of a run.
KINDS = (
    "started", "resumed", "unfrozen", "learning_rate_cut", "new_best", "stopped_early", "not_finite", "batch_left_out",
    "busy_machine", "threads", "mismatched_loss", "process_data", "training_mode", "shared_metric", "skipped_steps",
    "text_memory", "interrupted", "failed", "finished",
)  # fmt: skip
# JSON has no such numbers: write them as strings.
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Timeline:
    """Writer of events, one JSON object per line: ``time``, ``step``, ``epoch``, ``kind``, ``text`` and own numbers.

    `write` writes to the file at once, so that a killed process loses nothing. An incomplete last line, left by a
    killed process, is dropped.

    Args:
        path: The file. An existing one is continued.
        last_step: Drop events of later steps (a run resumes from the checkpoint of this step); None keeps all.

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
            kind: Kind of event, one of `KINDS`.
            text: Description for users, with the reason: one or two sentences in one line.
            step: Optimiser steps completed.
            epoch: Epochs completed, with a fraction; None if unknown.
            numbers: Further numbers and strings of the event, or lists and dictionaries of them, by any name.

        Raises:
            ArgumentError: Unknown kind.
        """
        if kind not in KINDS:
            raise ArgumentError("kind", f"one of {', '.join(KINDS)}", kind)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        event = {"time": time, "step": step, "epoch": epoch, "kind": kind, "text": " ".join(text.split()), **numbers}
        plain = {name: _plain(value) for name, value in event.items()}
        line = json.dumps(plain, ensure_ascii=False, allow_nan=False).encode("utf-8", errors="replace") + b"\n"
        append(self.path, line)


def read_events(folder: str | Path) -> list[dict[str, Any]]:
    """Read the events of a run, in their order.

    Returns:
        The events, each with ``time`` (ISO 8601), ``step``, ``epoch`` (None: unknown), ``kind``, ``text`` and its own
        numbers, including NaN and infinity. Empty if the run has none.

    Raises:
        DataError: The file is no file of events.
    """
    path = Path(folder) / FILE
    return [event for _, event in _lines(path)] if path.exists() else []


def kept_modes(folder: str | Path) -> dict[str, str]:
    """Return the mode, ``min`` or ``max``, by which a run chose its best states, by metric; empty if unknown."""
    try:
        return known_modes(read_events(folder))
    except DataError:  # the file was edited
        return {}


def _lines(path: Path) -> list[tuple[bytes, dict[str, Any]]]:
    """Return the complete lines of a file with their events, without an incomplete last line."""
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
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    number = float(value)
    return number if math.isfinite(number) else str(number)


class FirstNotFinite:
    """Detector of each metric's first value that is not finite."""

    def __init__(self, known: Iterable[str | None] = ()) -> None:
        self._known = set(filter(None, known))

    @property
    def any(self) -> bool:
        """Whether one was already found."""
        return bool(self._known)

    def find(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Return the numbers that are their metric's first NaN or infinite value."""
        new = {name: y for name, y in numbers.items() if not math.isfinite(y) and name not in self._known}
        self._known |= new.keys()
        return new


def not_finite_text(found: Mapping[str, float], step: int, advice: bool) -> str:
    """Describe values that are not finite, in one line."""
    is_nan, is_infinite = _("{metric} is NaN"), _("{metric} is infinite")
    values = [(is_nan if math.isnan(y) else is_infinite).format(metric=name) for name, y in found.items()]
    lost = advice and any(name.endswith(("loss", "loss_step")) for name in found)
    text = _("Not finite: {values} at step {step:,}.")
    if lost:
        text = _(
            "Not finite: {values} at step {step:,}: the training diverged, a smaller learning rate or scaled inputs "
            "may help."
        )
    return text.format(values=_(", ").join(values), step=step)
