"""All cores decode a folder's files into one file of pixels, while a bar shows how far they are.

Processes, not threads: most of the time for a small picture is spent in Python. Plain programs, not
`multiprocessing`: they are ready in a fifth of a second, since they import neither torch nor the user's script.

Shapes: M files, C channels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcore.data.images import decoder
from dlcore.errors import DataError

_SHARE = 64  # files a process is given at a time


@dataclass(frozen=True)
class Form:
    """The form that all pictures get.

    Attributes:
        size: Height and width.
        channels: 1 (grey) or 3 (RGB).
        resize: ``crop``, ``squash`` or ``pad``; see `dlcore.data.images.decoder`.
    """

    size: tuple[int, int]
    channels: int
    resize: str

    @property
    def row_bytes(self) -> int:
        """Bytes of one picture."""
        return self.channels * self.size[0] * self.size[1]


def decode_files(files: Sequence[Path], target: Path, form: Form) -> tuple[Tensor, dict[int, str]]:
    """Decode files into a file of pixels, which holds them one after the other.

    Args:
        files: The files (M).
        target: The file that is made, of M·C·H·W bytes. Broken files leave zeros.
        form: The form that they get.

    Returns:
        Sum and sum of squares of each channel (M, 2, C), int64, and why which files are broken, by their place.

    Raises:
        DataError: The pixels cannot be written, or a process that decodes was ended from outside.
    """
    with target.open("wb") as file:
        file.truncate(len(files) * form.row_bytes)
    moments = np.zeros((len(files), 2, form.channels), dtype=np.int64)
    broken: dict[int, str] = {}
    shares = iter([range(start, min(start + _SHARE, len(files))) for start in range(0, len(files), _SHARE)])
    lock = threading.Lock()
    failures: list[str] = []

    with _progress(len(files)) as advance:

        def feed() -> None:
            """Keep one process busy until nothing is left."""
            with _process(target, form) as process:
                while not failures:
                    with lock:
                        share = next(shares, None)
                    if share is None:
                        return
                    line = _ask(process, json.dumps([(row, str(files[row])) for row in share]))
                    answer: dict[str, Any] = json.loads(line or '{"failed": "a process that decodes was ended"}')
                    if "failed" in answer:
                        failures.append(answer["failed"])
                        return
                    with lock:
                        for row, sums in answer["moments"]:
                            moments[row] = sums
                        broken.update((row, reason) for row, reason in answer["broken"])
                        advance(len(share))

        def feed_safely() -> None:
            """What goes wrong in a thread is not to be lost."""
            try:
                feed()
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")

        count = min(cores(), -(-len(files) // _SHARE))
        threads = [
            threading.Thread(target=feed_safely, name=f"decode-{number}", daemon=True) for number in range(count)
        ]
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
    return torch.from_numpy(moments), dict(sorted(broken.items()))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _process(target: Path, form: Form) -> Iterator[subprocess.Popen[str]]:
    # -P: the folder of the program is not to be searched for modules.
    command = [sys.executable, "-P", str(Path(decoder.__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            _tell(process, json.dumps({"target": str(target), **asdict(form)}))
            yield process
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()  # type: ignore[union-attr]  # it ends when nothing more can come


def _tell(process: subprocess.Popen[str], line: str) -> None:
    with suppress(BrokenPipeError):  # its silence is noticed when the answer is read
        process.stdin.write(line + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]


def _ask(process: subprocess.Popen[str], line: str) -> str:
    _tell(process, line)
    return process.stdout.readline()  # type: ignore[union-attr]


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, on standard error; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("decoding pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("decode", total=total)
        yield lambda count: progress.advance(task, count)
