"""TensorBoard's event files: find them, remove events after a checkpoint, warn of missing ones."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.tracking.metrics_csv import MetricsCsv
from dlcore.tracking.run_file import replace_file

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


# A record: length of the data (8 bytes), checksum of the length (4), the data, checksum of the data (4).
_HEADER = struct.Struct("<QI")
_FOOTER_SIZE = 4


def find_event_files(folder: Path) -> list[Path]:
    """Return the event files of one run, oldest first, without subfolders, which are other runs."""
    return sorted(folder.glob("events.out.tfevents.*"))


def prepare_event_files(folder: Path, resume_step: int | None) -> int | None:
    """Prepare a run's folder for one more event file.

    Args:
        folder: The run's folder.
        resume_step: Step of the checkpoint from which the run resumes; later events are dropped. None: a new run, or
            an addition to an ended one.

    Returns:
        The step from which TensorBoard must discard its points of the run; None for an addition to an ended run.
    """
    if resume_step is not None:
        drop_events_after(folder, resume_step)
        return resume_step + 1
    # Purge at a run's start too: TensorBoard's slow reader ignores the first purge mark in a run, so without one here,
    # the first resume would purge nothing.
    return None if find_event_files(folder) else 0


def last_step_of(folder: Path, names: Collection[str]) -> int | None:
    """Return the last step with a point of a curve in a run's event files; None if there is none.

    Args:
        folder: The run's folder.
        names: The curves to consider; empty: all.
    """
    steps = [
        event.step
        for path in find_event_files(folder)
        for _, event in _records(path.read_bytes())
        if event is not None
        and any(value.HasField("simple_value") and (not names or value.tag in names) for value in event.summary.value)
    ]
    return max(steps, default=None)


def drop_events_after(folder: Path, last_step: int) -> None:
    """Remove events after a step, and the session's start and end, from a run's event files.

    TensorBoard's own method, a `SessionLog.START` event with a `purge_step`, works in only one of its two readers. The
    fast reader, the default, keeps showing old points of a curve until it has newer ones. It also uses the first start
    and end of a session, so a resumed run would still be shown as failed.

    Replace a file atomically, or leave it unchanged if all events stay. Drop an incomplete last record, left by a
    killed process.
    """
    for path in find_event_files(folder):
        content = path.read_bytes()
        kept = b"".join(record for record, event in _records(content) if event is None or _stays(event, last_step))
        if len(kept) == len(content):
            continue
        replace_file(path, kept)


def _records(content: bytes) -> Iterator[tuple[bytes, Event | None]]:
    """Yield the complete records of a file, each with its event; None for an unreadable event, which is kept."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    start = 0
    while start + _HEADER.size <= len(content):
        length, _ = _HEADER.unpack_from(content, start)
        end = start + _HEADER.size + length + _FOOTER_SIZE
        if end > len(content):
            return
        record, data = content[start:end], content[start + _HEADER.size : end - _FOOTER_SIZE]
        try:
            yield record, Event.FromString(data)
        except DecodeError:
            yield record, None
        start = end


def _stays(event: Event, last_step: int) -> bool:
    session = any(value.tag.startswith("_hparams_/session_") for value in event.summary.value)
    return not session and not (event.HasField("summary") and event.step > last_step)


def warn_of_hole(folder: Path, table: MetricsCsv, resume_step: int) -> None:
    """Warn if ``metrics.csv`` and TensorBoard's files, which are written together, end at different steps."""
    events = last_step_of(folder, table.columns[2:])
    if table.last_step == events:
        return
    ends = " and ".join(
        f"{what} {'holds no step' if step is None else f'ends at step {step:,}'}"
        for what, step in (("metrics.csv", table.last_step), ("TensorBoard's file", events))
    )
    warnings.warn(
        f"{folder}: {ends}, but the run goes on from step {resume_step:,}: somebody cut or removed what was logged. "
        "The training is not touched by that, but its curves have a hole.",
        RuntimeWarning,
        2,
    )
