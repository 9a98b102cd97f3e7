"""TensorBoard's event files: which there are, and how a resumed run cuts off what lies beyond its checkpoint."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.tracking.run_file import replace_file

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

# A record: length of the data (8 bytes), checksum of the length (4), the data, checksum of the data (4).
_HEADER = struct.Struct("<QI")
_FOOTER_SIZE = 4


def find_event_files(folder: Path) -> list[Path]:
    """The event files of one run, the oldest first; those of folders inside are other runs."""
    return sorted(folder.glob("events.out.tfevents.*"))


def prepare_event_files(folder: Path, resume_step: int | None) -> int | None:
    """Prepare a run's folder for one more event file.

    Args:
        folder: The run's folder.
        resume_step: Step of the checkpoint that the run goes on from; what lies beyond it is dropped. None: it does
            not go on, it begins or is added to.

    Returns:
        The step from which on TensorBoard is to forget what it knows of the run; None where a run that has ended is
        added to.
    """
    if resume_step is not None:
        drop_events_after(folder, resume_step)
        return resume_step + 1
    # At the beginning too: TensorBoard's slow reader takes no notice of the first such mark that it meets, so that
    # without one there the first resume would purge nothing.
    return None if find_event_files(folder) else 0


def last_step_of(folder: Path, names: Collection[str]) -> int | None:
    """The last step at which a run's event files have a point of a curve; None where they have none.

    Args:
        folder: The run's folder.
        names: The curves that count; empty: all.
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
    """Take out of a run's event files what was logged after a step, and how the session began and ended.

    TensorBoard's own way, a `SessionLog.START` event with a `purge_step`, is known to only one of its two readers:
    the fast one, which is the default, goes on showing old points of every curve that has no newer ones. And it shows
    the first start and end of a session that it meets, so that a resumed run would remain a failed one.

    A file is replaced by a shorter one in one step, or not touched if all of it stays. Where a process was killed
    while writing, the incomplete last record is left out.

    Args:
        folder: The run's folder.
        last_step: The last step that stays.
    """
    for path in find_event_files(folder):
        content = path.read_bytes()
        kept = b"".join(record for record, event in _records(content) if event is None or _stays(event, last_step))
        if len(kept) == len(content):
            continue
        replace_file(path, kept)


def _records(content: bytes) -> Iterator[tuple[bytes, Event | None]]:
    """The whole records of a file with what they say; None for one that cannot be read, which is not ours to judge."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
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
