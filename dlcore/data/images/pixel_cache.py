"""Cache of decoded pictures, as plain bytes in a memory-mapped file.

A folder of the cache holds the pixels of one root in one form. Its name is a hash of them and of each file's path, size
and modification time, so that a changed, added or removed file never matches old pixels. (A file changed but with its
old size and its old time, to the nanosecond, is not noticed.)

Shapes: M files, C channels, H height, W width.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dlcore.cache import cache_folder, cached_entry, hash_of, is_whole, stamps_of
from dlcore.data.images.decoder import WHOLE, own_levels
from dlcore.data.images.decoding import PixelFormat, decode_files
from dlcore.errors import DataError

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
    """Decode M pictures of a folder, or read them from the cache.

    Unless they are kept, they are decoded into a nameless file, which is gone when the process ends.
    """
    files = [root / name for name in names]
    if not keep:
        with tempfile.TemporaryDirectory(prefix="dlcore-pictures-", ignore_cleanup_errors=True) as folder:
            return _decode(files, Path(folder), form)  # a mapped file stays readable without its name
    home = cache_folder() / "images" / hash_of([str(root.resolve()), json.dumps(asdict(form))])[:16]
    place = home / hash_of(_state_of(root, names, form))[:32]
    try:
        kept = cached_entry(
            place, lambda folder: _whole(folder, len(files), form), lambda folder: _decode(files, folder, form)
        )
        return kept or _open(place, len(files), form)
    except OSError as error:
        raise DataError(
            f"Decoded pictures cannot be kept ({error}). Choose another cache folder by the environment variable "
            "XDG_CACHE_HOME, or --data.cache false."
        ) from error


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
    kept = {"moments": moments, "broken": broken, "span": span, "levels": levels}
    torch.save({**kept, "stamps": stamps_of(folder, ["pixels"])}, folder / "moments.pt")
    return _open(folder, len(files), form)


def _open(folder: Path, count: int, form: PixelFormat) -> Pictures:
    kept = torch.load(folder / "moments.pt", weights_only=True)
    pixels = torch.from_file(str(folder / "pixels"), shared=False, size=count * form.row_bytes, dtype=torch.uint8)
    facts = (kept[name] for name in ("moments", "broken", "span", "levels"))
    return Pictures(pixels.view(count, form.channels, *form.size), *facts)


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
    above = os.path.join(root, "")  # noqa: PTH118
    for name in names:
        try:
            state = os.stat(above + name)  # noqa: PTH116 (a Path would cost more than the call, a million times)
        except OSError as error:  # a broken link: the decoder reports it
            yield f"{name} {error.errno}"
        else:
            yield f"{name} {state.st_size} {state.st_mtime_ns}"
