"""Decode a folder's files into one file of pixels on all cores, with a progress bar.

One thread per core decodes ordinary JPEG files, which needs hardly any Python. It passes the others to a process of its
own, since decoding a small picture of another kind spends most of its time in Python. That process is a plain program,
not `multiprocessing`: it starts in 0.2 s, since it imports neither torch nor the user's script, and only if needed.

Shapes: M files, C channels.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcore.data.images import decoder
from dlcore.data.images.jpegs import decode_jpeg
from dlcore.errors import ArgumentError, DataError, check_number
from dlcore.processes import cores
from dlcore.progress_bar import progress_bar

_SHARE = 64  # files per share,
_SHARE_BYTES = 2**20  # or fewer, so that their pixels stay in a processor's cache


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


def decode_files(
    files: Sequence[Path], target: Path, form: PixelFormat
) -> tuple[Tensor, dict[int, str], tuple[int, int] | None]:
    """Decode M files into one file of M·C·H·W bytes, in their order; broken files leave zeros.

    Returns sum and sum of squares of each channel (M, 2, C), int64; the reason for each broken file, by its index; the
    least and the greatest value of the 16-bit pictures, None if there are none. A target that cannot be written, or a
    decoding process that was killed, is a `DataError`.
    """
    with target.open("wb") as file:
        file.truncate(len(files) * form.row_bytes)
    moments = np.zeros((len(files), 2, form.channels), dtype=np.int64)
    broken: dict[int, str] = {}
    spans: list[tuple[int, int]] = []
    size = min(_SHARE, max(1, _SHARE_BYTES // form.row_bytes))
    shares = iter([range(start, min(start + size, len(files))) for start in range(0, len(files), size)])
    lock = threading.Lock()
    failures: list[str] = []

    with progress_bar("decoding pictures", len(files)) as advance:

        def feed() -> None:
            """Keep one core busy until no share is left; record what goes wrong."""
            process: subprocess.Popen[str] | None = None
            try:
                with ExitStack() as stack:
                    file = stack.enter_context(target.open("r+b", buffering=0))
                    while not failures:
                        with lock:
                            share = next(shares, None)
                        if share is None:
                            return
                        ordinary, sums, others = _decode_jpegs(files, share, file, form)
                        answer: dict[str, Any] = {"moments": [], "broken": [], "spans": []}
                        if others:
                            process = process or stack.enter_context(_process(target, form))
                            _tell(process, json.dumps([(row, str(files[row])) for row in others]))
                            line = cast(IO[str], process.stdout).readline()
                            answer = json.loads(line or '{"failed": "a process that decodes was ended"}')
                        if "failed" in answer:
                            failures.append(answer["failed"])
                            return
                        with lock:
                            moments[ordinary] = sums
                            for row, own in answer["moments"]:
                                moments[row] = own
                            spans.extend(answer["spans"])
                            broken.update((row, reason) for row, reason in answer["broken"])
                            advance(len(share))
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")

        count = min(cores(), -(-len(files) // size))
        threads = [threading.Thread(target=feed, name=f"decode-{number}", daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            failures.append("interrupted")
            raise
    if failures:
        raise DataError(f"The pictures cannot be decoded into {target.parent}: {failures[0]}.")
    span = (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
    return torch.from_numpy(moments), dict(sorted(broken.items())), span


def _decode_jpegs(
    files: Sequence[Path], rows: range, target: FileIO, form: PixelFormat
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
    """Decode the ordinary JPEG files among some rows, and write them at their positions.

    Returns those rows, their moments (N, 2, C), and the rows left to the general decoder.
    """
    pixels = np.empty((len(rows), form.channels, *form.size), dtype=np.uint8)
    ordinary = np.zeros(len(rows), dtype=bool)
    for place, row in enumerate(rows):
        picture = decode_jpeg(files[row], form.size, form.channels, form.resize)
        if picture is not None:
            pixels[place], ordinary[place] = picture, True
    if ordinary.any():
        # Write the whole share at once; missing pictures are zeros, which the process overwrites.
        pixels[~ordinary] = 0
        target.seek(rows.start * form.row_bytes)
        target.write(pixels.data)
    places = np.flatnonzero(ordinary)
    others = [row for row, found in zip(rows, ordinary, strict=True) if not found]
    return places + rows.start, decoder.moments(pixels[places]), others


def decode_picture(path: Path, form: PixelFormat) -> Tensor:
    """Decode one file: bytes (1, C, H, W).

    Raises:
        DataError: It is no picture, too large or damaged.
    """
    try:
        pixels = decoder.decode(path, form.size, form.channels, form.resize, form.levels or decoder.WHOLE)
    except decoder.BrokenPicture as error:
        raise DataError(f"{path}: expected a picture (JPEG, PNG, WebP, …), but {error}.") from error
    return torch.tensor(pixels)[None]


@contextmanager
def _process(target: Path, form: PixelFormat) -> Iterator[subprocess.Popen[str]]:
    # -P: do not search the program's folder for modules.
    command = [sys.executable, "-P", str(Path(decoder.__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            _tell(process, json.dumps({"target": str(target), **asdict(form)}))
            yield process
        finally:
            with suppress(BrokenPipeError):
                cast(IO[str], process.stdin).close()  # the process ends when its input is closed


def _tell(process: subprocess.Popen[str], line: str) -> None:
    with suppress(BrokenPipeError):  # noticed when the answer is read
        print(line, file=process.stdin, flush=True)
