"""Files of decoded pictures: pixels and moments, with a checksum of each piece, so that decoding can go on.

A piece is finished once its checksum is written, after all else of it. Whatever a process that was killed, or a machine
that lost its power, left behind: a piece whose checksum is missing or wrong is decoded again.

Shapes: M files, C channels, H height, W width.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcore.errors import ArgumentError, check_number

_PIECE = 64  # pictures in a piece,
_PIECE_BYTES = 2**20  # or fewer, so that their pixels stay in a processor's cache
NAMES = ("pixels", "moments", "checksums")


@dataclass(frozen=True)
class PixelFormat:
    """The form of all decoded pictures."""

    size: tuple[int, int]  # height and width
    channels: int  # 1 (grey) or 3 (RGB)
    resize: str  # ``crop``, ``squash`` or ``pad``; see `dlcore.data.images.decoder`
    # the values of 16-bit pictures that become 0 and 255; None: `pixel_cache.decoded` determines them
    levels: tuple[int, int] | None = None

    @property
    def row_bytes(self) -> int:
        """Bytes of one picture."""
        return self.channels * self.size[0] * self.size[1]


def pixel_format(size: int | Sequence[int], channels: int, resize: str) -> PixelFormat:
    """Return the form of pictures after a check of each value.

    Raises:
        ArgumentError: size is no side or no two of 1 to 10,000 pixels, or a choice does not exist.
    """
    for argument, value, allowed in (("resize", resize, ("crop", "squash", "pad")), ("channels", channels, (1, 3))):
        if value not in allowed:
            raise ArgumentError(argument, " or ".join(map(str, allowed)), value)
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2:
        raise ArgumentError("size", "a number, or [height, width]", size)
    for side in sides:
        check_number("size", side, at_least=1, at_most=10_000, whole=True)
    return PixelFormat((sides[0], sides[1]), channels, resize)


@dataclass
class Remarks:
    """What is known of decoded pictures besides their pixels.

    Attributes:
        broken: The reason for each broken file, by its index among the M.
        span: The least and the greatest value of the 16-bit pictures; None if there are none.
    """

    broken: dict[int, str] = field(default_factory=dict)
    span: tuple[int, int] | None = None

    def add(self, broken: Iterable[tuple[int, str]], spans: Iterable[tuple[int, int]]) -> None:
        """Add those of further pictures."""
        self.broken.update((row, sys.intern(reason)) for row, reason in broken)
        for low, high in spans:
            self.span = (min(low, self.span[0]), max(high, self.span[1])) if self.span else (low, high)


class PixelFiles:
    """Pixels, moments and checksums of M pictures, as files of a folder.

    Args:
        folder: The folder.
        count: Number of pictures (M).
        form: Their form; files of another form are not taken for finished.
    """

    def __init__(self, folder: Path, count: int, form: PixelFormat) -> None:
        self.folder, self.count, self.form = folder, count, form
        self._step = min(_PIECE, max(1, _PIECE_BYTES // form.row_bytes))
        self.pieces = -(-count // self._step)
        self._moment_bytes = 2 * form.channels * 8
        self._seed = zlib.crc32(json.dumps(asdict(form)).encode())
        self.sizes = dict(
            zip(NAMES, (count * form.row_bytes, count * self._moment_bytes, self.pieces * 8), strict=True)
        )

    def rows(self, piece: int) -> range:
        """Return the indices of the pictures of a piece."""
        return range(piece * self._step, min((piece + 1) * self._step, self.count))

    # Writing

    def create(self) -> int:
        """Make the files, unless they are there; return how many pictures have a checksum: 0 in new files."""
        remarks = self.folder / "remarks"
        if (
            remarks.is_file()
            and {name: path.stat().st_size for name in NAMES if (path := self.folder / name).is_file()} == self.sizes
        ):
            content = remarks.read_bytes()
            remarks.write_bytes(content[: content.rfind(b"\n") + 1])  # without a line cut short
            done = np.flatnonzero(np.fromfile(self.folder / "checksums", dtype=np.int64))
            return sum(len(self.rows(piece)) for piece in done.tolist())
        remarks.write_bytes(b"")
        # Sparse: a picture takes room when it is written.
        for name, size in self.sizes.items():
            (self.folder / name).unlink(missing_ok=True)  # another process may have mapped it
            with (self.folder / name).open("xb") as file:
                file.truncate(size)
        return 0

    @contextmanager
    def opened(self, mode: str = "r+") -> Iterator[dict[str, FileIO]]:
        """Open the files for one thread."""
        with ExitStack() as stack:
            yield {name: stack.enter_context(FileIO(self.folder / name, mode)) for name in NAMES}

    def write(self, files: dict[str, FileIO], name: str, row: int, values: np.ndarray) -> None:
        """Write pixels (N, C, H, W) or moments (N, 2, C) of N pictures from a row on."""
        files[name].seek(row * (self.form.row_bytes if name == "pixels" else self._moment_bytes))
        _write(files[name], values)

    def finish(self, files: dict[str, FileIO], piece: int, broken: list[Any], spans: list[Any]) -> None:
        """Keep the remarks on a piece, and its checksum, which says that all of it is written; one thread at a time."""
        with (self.folder / "remarks").open("a", encoding="utf-8") as file:
            file.write(json.dumps([piece, broken, spans]) + "\n")
        files["checksums"].seek(piece * 8)
        _write(files["checksums"], np.array([self._checksum(files, piece)]))

    def remarks(self) -> Remarks:
        """Return the remarks on all pieces; of a piece that was decoded again, the last."""
        found: dict[int, Any] = {}
        with (self.folder / "remarks").open(encoding="utf-8") as file:
            for line in file:
                piece, *own = json.loads(line)
                found.pop(piece, None)
                found |= {piece: own} if any(own) else {}
        together = Remarks()
        for broken, spans in found.values():
            together.add(broken, spans)
        together.broken = dict(sorted(together.broken.items()))
        return together

    def flush(self) -> None:
        """Wait until all is on the disk."""
        with self.opened() as files:
            for file in files.values():
                os.fsync(file.fileno())

    # Reading

    def finished(self, files: dict[str, FileIO], piece: int) -> bool:
        """Return whether a piece has a checksum, and it is that of its content."""
        files["checksums"].seek(piece * 8)
        kept = int.from_bytes(files["checksums"].read(8), sys.byteorder)
        return kept > 0 and kept == self._checksum(files, piece)

    def mapped(self) -> tuple[Tensor, Tensor]:
        """Return pixels (M, C, H, W), uint8, and moments (M, 2, C), int64, mapped from the files."""
        pixels, moments = (
            torch.from_file(str(self.folder / name), shared=False, size=size, dtype=dtype)
            for name, size, dtype in (
                ("pixels", self.sizes["pixels"], torch.uint8),
                ("moments", self.sizes["moments"] // 8, torch.int64),
            )
        )
        return pixels.view(self.count, self.form.channels, *self.form.size), moments.view(self.count, 2, -1)

    def _checksum(self, files: dict[str, FileIO], piece: int) -> int:
        """Return the checksum of a piece's content and form; never 0, which says that it is not finished."""
        rows, checksum = self.rows(piece), self._seed
        for name, width in (("pixels", self.form.row_bytes), ("moments", self._moment_bytes)):
            files[name].seek(rows.start * width)
            checksum = zlib.crc32(files[name].read(len(rows) * width), checksum)
        return checksum + 1


def _write(file: FileIO, values: np.ndarray) -> None:
    """Write all bytes of an array; a file without buffer may take only some of them when the disk is nearly full."""
    rest = memoryview(values.tobytes())
    while rest:
        rest = rest[file.write(rest) :]
