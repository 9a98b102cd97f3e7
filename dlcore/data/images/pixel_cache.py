"""Cache of decoded pictures, as plain bytes in a memory-mapped file.

A folder of the cache holds the pixels of one root in one form. Its name is a hash of them and of each file's path, size
and modification time, so that a changed, added or removed file never matches old pixels. (A file changed but with its
old size and its old time, to the nanosecond, is not noticed.)

Shapes: M files, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dlcore.cache import cache_folder, is_whole, locked, open_cache, stamps_of, tell_damaged
from dlcore.data.images.decoder import WHOLE, own_levels
from dlcore.data.images.decoding import PixelFormat, decode_files
from dlcore.errors import DataError

_DAY = 24 * 60 * 60  # seconds
_VERSION = 2  # increase it when decoding changes


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures."""

    pixels: Tensor  # all of them (M, C, H, W), uint8, mapped from a file. Broken ones are zeros
    moments: Tensor  # sum and sum of squares of each channel (M, 2, C), int64
    broken: dict[int, str]  # the reason for each broken file, by its index among the M
    span: tuple[int, int] | None  # the least and the greatest value of the 16-bit pictures; None if there are none
    levels: tuple[int, int] | None  # which of these values became 0 and 255


def decoded(root: Path, names: Sequence[str], form: PixelFormat, keep: bool) -> Pictures:
    """Decode pictures, or read them from the cache.

    Args:
        root: The folder.
        names: Paths of the files within it (M).
        form: The form of the pictures.
        keep: Keep them in the cache. False decodes into a nameless file, which is gone when the process ends.

    Raises:
        DataError: There is not enough disk space, or the decoding failed.
    """
    files = [root / name for name in names]
    if not keep:
        with tempfile.TemporaryDirectory(prefix="dlcore-pictures-", ignore_cleanup_errors=True) as folder:
            return _decode(files, Path(folder), form)  # a mapped file stays readable without its name
    home = cache_folder() / "images" / _hash([str(root.resolve()), json.dumps(asdict(form))])[:16]
    try:
        open_cache(home)
    except OSError as error:
        raise _no_cache(error) from error
    place = home / _hash(_state_of(root, names, form))[:32]
    if (kept := _whole(place, len(files), form)) is not None:
        return kept
    with locked(home / "lock"):
        if (kept := _whole(place, len(files), form)) is not None:
            return kept  # another process has built it meanwhile
        if place.is_dir():
            tell_damaged(place)
        _build(files, place, form)
    return _open(place, len(files), form)


def _build(files: Sequence[Path], place: Path, form: PixelFormat) -> None:
    # Delete entries of files that have changed since, and leftovers of killed processes; a process that has mapped an
    # entry keeps it. Without file locks, another process may still be building a new one: spare those.
    for old in place.parent.iterdir():
        if old.is_dir() and not (old.name.startswith("part-") and time.time() - old.stat().st_mtime < _DAY):
            shutil.rmtree(old, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix="part-", dir=place.parent, ignore_cleanup_errors=True) as folder:
            made = Path(folder) / "whole"
            made.mkdir()
            _decode(files, made, form)
            with suppress(FileExistsError):  # without locks another process may have been faster
                made.rename(place)
    except OSError as error:
        raise _no_cache(error) from error


def _decode(files: Sequence[Path], folder: Path, form: PixelFormat) -> Pictures:
    needed, free = len(files) * form.row_bytes, shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: expected {needed / 1e9:.1f} GB of room for {len(files):,} decoded pictures, got "
            f"{free / 1e9:.1f} GB. Choose a smaller --data.size, or another cache folder by the environment variable "
            "XDG_CACHE_HOME (with --data.cache false: TMPDIR)."
        )
    moments, broken, span = decode_files(files, folder / "pixels", form)
    levels = span and (form.levels or own_levels(span))
    if levels and levels != (form.levels or WHOLE):  # known only after all pictures are decoded
        moments, broken, _ = decode_files(files, folder / "pixels", replace(form, levels=levels))
    kept = {
        "moments": moments,
        "broken": broken,
        "span": span,
        "levels": levels,
        "stamps": stamps_of(folder, ["pixels"]),
    }
    torch.save(kept, folder / "moments.pt")
    return _open(folder, len(files), form)


def _open(folder: Path, count: int, form: PixelFormat) -> Pictures:
    size = count * form.row_bytes
    kept = torch.load(folder / "moments.pt", weights_only=True)
    pixels = torch.from_file(str(folder / "pixels"), shared=False, size=size, dtype=torch.uint8)
    return Pictures(
        pixels.view(count, form.channels, *form.size), *(kept[name] for name in ("moments", "broken", "span", "levels"))
    )


def _whole(place: Path, count: int, form: PixelFormat) -> Pictures | None:
    """Return the cached pictures; None if there are none, or they are incomplete."""
    try:
        stamps = torch.load(place / "moments.pt", weights_only=True)["stamps"]
        return _open(place, count, form) if is_whole(place, stamps) else None
    except Exception:  # a damaged file can make the reader raise almost anything
        return None


def _state_of(root: Path, names: Sequence[str], form: PixelFormat) -> Iterator[str]:
    """Yield everything that the pixels depend on."""
    import PIL

    yield f"{_VERSION} {PIL.__version__} {json.dumps(asdict(form))}"
    for name in names:
        try:
            state = os.stat(root / name)  # noqa: PTH116 (a Path's costs half as much again, a million times)
        except OSError as error:  # a broken link: the decoder reports it
            yield f"{name} {error.errno}"
        else:
            yield f"{name} {state.st_size} {state.st_mtime_ns}"


def _hash(lines: Iterator[str] | list[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(os.fsencode(line) + b"\0")
    return digest.hexdigest()


def _no_cache(error: OSError) -> DataError:
    return DataError(
        f"Decoded pictures cannot be kept ({error}). Choose another cache folder by the environment variable "
        "XDG_CACHE_HOME, or --data.cache false."
    )
