"""Cache of decoded pictures, as plain bytes in memory-mapped files.

A folder of the cache holds the pixels of one root in one form. Its name is a hash of them and of each file's path, size
and modification time, so that a changed, added or removed file never matches old pixels. (A file changed but with its
old size and its old time, to the nanosecond, is not noticed.) Nothing of it is read into memory: a start reads the
state of each picture's file, and compares the checksums of at most 64 pieces of the cache, spread over it.

Shapes: M files, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from dlcore.cache import cache_folder, cached_entry, hash_of, is_whole, stamps_of
from dlcore.data.images.decoder import WHOLE, own_levels
from dlcore.data.images.decoding import decode_files
from dlcore.data.images.file_names import PIECE
from dlcore.data.images.pixel_files import NAMES, PixelFiles, PixelFormat
from dlcore.data.resumable_data import say
from dlcore.errors import DataError
from dlcore.progress_bar import progress_bar

_VERSION = 3  # increase it when decoding or the files change
_CHECKED = 64  # pieces whose checksums are compared at each start
_FACTS = "facts.json"


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures."""

    pixels: Tensor  # all of them (M, C, H, W), uint8, mapped from a file. Broken ones are zeros
    moments: Tensor  # sum and sum of squares of each channel (M, 2, C), int64, mapped likewise
    broken: dict[int, str]  # the reason for each broken file, by its index among the M
    span: tuple[int, int] | None  # the least and the greatest value of the 16-bit pictures; None if there are none
    levels: tuple[int, int] | None  # which of these values became 0 and 255


def decoded(root: Path, names: Sequence[str], form: PixelFormat, keep: bool) -> Pictures:
    """Decode M pictures of a folder, or read them from the cache.

    Unless they are kept, they are decoded into nameless files, which are gone when the process ends.
    """
    try:
        if not keep:
            with tempfile.TemporaryDirectory(prefix="dlcore-pictures-", ignore_cleanup_errors=True) as folder:
                return _decode(root, names, Path(folder), form)  # a mapped file stays readable without its name
        home = cache_folder() / "images" / hash_of([str(root.resolve()), json.dumps(asdict(form))])[:16]
        kept = cached_entry(
            home / _state_of(root, names, form)[:32],
            lambda folder: _whole(folder, len(names), form),
            lambda folder: _decode(root, names, folder, form),
            goes_on=True,
        )
    except OSError as error:
        what = "kept" if keep else "written"
        remedy = "cache folder by the environment variable XDG_CACHE_HOME, or --data.cache false"
        remedy = remedy if keep else "folder by the environment variable TMPDIR"
        raise DataError(f"Decoded pictures cannot be {what} ({error}). Choose another {remedy}.") from error
    return kept


def _decode(root: Path, names: Sequence[str], folder: Path, form: PixelFormat) -> Pictures:
    files = PixelFiles(folder, len(names), form)
    there = sum(path.stat().st_blocks * 512 for path in folder.iterdir()) if hasattr(os.stat_result, "st_blocks") else 0
    needed, free = sum(files.sizes.values()) - there, shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: expected {needed / 1e9:.1f} GB of room for {len(names):,} decoded pictures, got "
            f"{free / 1e9:.1f} GB. Choose a smaller --data.size, or another cache folder by the environment variable "
            "XDG_CACHE_HOME (with --data.cache false: TMPDIR)."
        )
    if done := files.create():
        say(f"decoding goes on: {done:,} of {len(names):,} pictures are there from before")
    remarks = decode_files(root, names, files)
    levels = remarks.span and (form.levels or own_levels(remarks.span))
    if (last := _last_form(form, levels)) != form:  # known only after all pictures are decoded
        files = PixelFiles(folder, len(names), last)
        decode_files(root, names, files)
    files.flush()
    facts = {"broken": remarks.broken, "span": remarks.span, "levels": levels, "stamps": stamps_of(folder, NAMES)}
    content = json.dumps(facts)
    (folder / _FACTS).write_text(f"{content}\n{hash_of([content])}\n", encoding="utf-8")
    return _open(folder, len(names), form)


def _last_form(form: PixelFormat, levels: tuple[int, int] | None) -> PixelFormat:
    """Return the form with the levels of the 16-bit pictures, if these are not those that are taken anyway."""
    return replace(form, levels=levels) if levels and levels != (form.levels or WHOLE) else form


def _open(folder: Path, count: int, form: PixelFormat) -> Pictures:
    content, checksum = (folder / _FACTS).read_text(encoding="utf-8").splitlines()
    if hash_of([content]) != checksum:
        raise ValueError("the facts have another checksum")
    kept = json.loads(content)
    span, levels = (kept[name] and (kept[name][0], kept[name][1]) for name in ("span", "levels"))
    files = PixelFiles(folder, count, _last_form(form, levels))
    if not is_whole(folder, kept["stamps"]):
        raise ValueError("the files have changed")
    with files.opened("r") as opened:
        for piece in np.unique(np.linspace(0, files.pieces - 1, _CHECKED, dtype=np.int64)).tolist():
            if not files.finished(opened, piece):
                raise ValueError(f"piece {piece} has another checksum")
    return Pictures(*files.mapped(), {int(row): reason for row, reason in kept["broken"].items()}, span, levels)


def _whole(place: Path, count: int, form: PixelFormat) -> Pictures | None:
    """Return the cached pictures; None if there are none, or they are incomplete or damaged."""
    try:
        return _open(place, count, form)
    except Exception:  # a damaged file can make the reader raise almost anything
        return None


def _state_of(root: Path, names: Sequence[str], form: PixelFormat) -> str:
    """Return a hash of everything that the pixels depend on: each file's path, size and time, and the form."""
    import PIL

    digest = hashlib.sha256(f"{_VERSION} {PIL.__version__} {json.dumps(asdict(form))} {len(names)}\0".encode())
    above = os.path.join(root, "")  # noqa: PTH118
    with progress_bar("looking for changed pictures", len(names), after=1) as advance:
        for start in range(0, len(names), PIECE):
            piece = names[start : start + PIECE]
            states = array("q")
            for name in piece:
                try:
                    state = os.stat(above + name)  # noqa: PTH116 (a Path would cost more than the call, a million times)
                except OSError as error:  # a broken link: the decoder reports it
                    states.extend((-1, error.errno or 0))
                else:
                    states.extend((state.st_size, state.st_mtime_ns))
            digest.update(os.fsencode("\0".join(piece)) + b"\0" + states.tobytes())
            advance(len(piece))
    return digest.hexdigest()
