"""Decode a folder's files into one file of pixels on all cores, with a progress bar; an interrupted decoding goes on.

One thread per core decodes ordinary JPEG files, which needs hardly any Python. It passes the others to a process of its
own, since decoding a small picture of another kind spends most of its time in Python. That process is a plain program,
not `multiprocessing`: it starts in 0.2 s, since it imports neither torch nor the user's script, and only if needed.

Shapes: M files, C channels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcore.data.images import decoder
from dlcore.data.images.jpegs import decode_jpeg
from dlcore.data.images.pixel_files import PixelFiles, PixelFormat, Remarks
from dlcore.errors import DataError
from dlcore.processes import cores
from dlcore.progress_bar import progress_bar


def decode_files(root: Path, names: Sequence[str], files: PixelFiles) -> Remarks:
    """Decode M files of a folder, in their order; broken files leave zeros.

    What an interrupted decoding has finished is not decoded again.

    Args:
        root: The folder.
        names: Paths of the pictures within it (M).
        files: Where pixels and moments are written; they exist.

    Returns:
        The remarks on all of them.

    Raises:
        OSError: The files cannot be written.
        DataError: A decoding process was killed.
    """
    pieces = iter(range(files.pieces))
    lock = threading.Lock()
    failures: list[BaseException] = []

    with progress_bar("decoding pictures", files.count) as advance:

        def feed() -> None:
            """Keep one core busy until no piece is left; record what goes wrong."""
            process: subprocess.Popen[str] | None = None
            try:
                with ExitStack() as stack:
                    own = stack.enter_context(files.opened())
                    while not failures:
                        with lock:
                            piece = next(pieces, None)
                        if piece is None:
                            return
                        rows = files.rows(piece)
                        if not files.finished(own, piece):
                            paths = [os.path.join(root, name) for name in names[rows.start : rows.stop]]  # noqa: PTH118
                            moments, others = _decode_jpegs(paths, rows, own, files)
                            answer: dict[str, Any] = {"moments": [], "broken": [], "spans": []}
                            if others:
                                process = process or stack.enter_context(_process(files))
                                answer = _ask(process, [(rows.start + place, paths[place]) for place in others])
                            for row, sums in answer["moments"]:
                                moments[row - rows.start] = sums
                            files.write(own, "moments", rows.start, moments)
                            with lock:
                                files.finish(own, piece, answer["broken"], answer["spans"])
                        with lock:
                            advance(len(rows))
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(target=feed, name=f"decode-{number}", daemon=True)
            for number in range(min(cores(), files.pieces))
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException as error:
            failures.append(error)  # stops the threads
            raise
    if failures and isinstance(failures[0], OSError | DataError):
        raise failures[0]
    if failures:
        what = f"{type(failures[0]).__name__}: {failures[0]}"
        raise DataError(f"The pictures cannot be decoded into {files.folder}: {what}.") from failures[0]
    return files.remarks()


def _decode_jpegs(
    paths: Sequence[str], rows: range, own: dict[str, FileIO], files: PixelFiles
) -> tuple[NDArray[np.int64], list[int]]:
    """Decode the ordinary JPEG files of a piece, and write their pixels.

    Returns the moments (N, 2, C), zeros for the others, and which files (0 to N - 1) are left to the general decoder.
    """
    form = files.form
    pixels = np.zeros((len(rows), form.channels, *form.size), dtype=np.uint8)
    others = []
    for place, path in enumerate(paths):
        picture = decode_jpeg(path, form.size, form.channels, form.resize)
        if picture is None:
            others.append(place)
        else:
            pixels[place] = picture
    # The whole piece at once: pictures that are missing are zeros, which the process overwrites.
    files.write(own, "pixels", rows.start, pixels)
    return decoder.moments(pixels), others


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
def _process(files: PixelFiles) -> Iterator[subprocess.Popen[str]]:
    # -P: do not search the program's folder for modules.
    command = [sys.executable, "-P", str(Path(decoder.__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            _tell(process, json.dumps({"target": str(files.folder / "pixels"), **asdict(files.form)}))
            yield process
        finally:
            with suppress(BrokenPipeError):
                cast(IO[str], process.stdin).close()  # the process ends when its input is closed


def _ask(process: subprocess.Popen[str], pictures: list[tuple[int, str]]) -> dict[str, Any]:
    """Let a process decode pictures, given by row and path, and return its answer."""
    _tell(process, json.dumps(pictures))
    line = cast(IO[str], process.stdout).readline()
    if not line:
        raise DataError("The pictures cannot be decoded: a process that decodes was ended. Start again: it goes on.")
    answer: dict[str, Any] = json.loads(line)
    if "failed" in answer:
        raise OSError(*answer["failed"])
    return answer


def _tell(process: subprocess.Popen[str], line: str) -> None:
    with suppress(BrokenPipeError):  # noticed when the answer is read
        print(line, file=process.stdin, flush=True)
