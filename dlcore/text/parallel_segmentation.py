"""Segment a corpus into words on all cores, with a progress bar.

The processes are plain programs, not `multiprocessing`: they import neither torch nor the user's script.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, cast

import numpy as np

from dlcore.errors import DataError
from dlcore.processes import cores
from dlcore.progress_bar import progress_bar
from dlcore.text.documents import Block, Documents, part
from dlcore.text.segmentation import Segmenter

PROGRAM = "from dlcore.text.parallel_segmentation import answer; answer()"
_FEW = 1 << 20  # bytes that are segmented before other processes would be ready


@dataclass(frozen=True)
class CutBlock:
    """A segmented block."""

    raw: np.ndarray  # its words, document after document (N,), uint32; see `Segmenter.raw`
    lengths: np.ndarray  # words of each document (D,), int64
    others: list[str]  # words without an id of their own: the first is `Segmenter.first_other` in `raw`


def cut_block(segmenter: Segmenter, text: str, ends: bool, goes_on: bool, documents: Documents) -> CutBlock:
    """Split a block into documents and segment them into words."""
    pieces = part(text, ends, goes_on, documents)
    # A NUL, which no text contains, separates documents and is a word of its own.
    raw, others = segmenter.raw("\0".join(pieces))
    if not pieces:
        return CutBlock(raw, np.zeros(0, dtype=np.int64), others)
    places = np.flatnonzero(raw == 0)
    lengths = np.diff(np.concatenate([[-1], places, [len(raw)]])) - 1
    return CutBlock(raw[raw != 0], lengths, others)


def cut_blocks(
    blocks: Iterable[Block], segmenter: Segmenter, documents: Documents, total: int, processes: int | None = None
) -> Iterator[tuple[Block, CutBlock]]:
    """Segment the blocks of a corpus; yield the results in their order.

    The total number of bytes is for the progress bar and decides whether to start other processes: one per core, or the
    given number; 1 segments in this process. A process that was killed is a `DataError`.
    """
    count = (cores() if total > _FEW else 1) if processes is None else processes
    goes_on = False
    with progress_bar("cutting text into words", total, "bytes") as advance:
        if count == 1:
            for block in blocks:
                yield block, cut_block(segmenter, block.text, block.ends, goes_on, documents)
                goes_on = not block.ends
                advance(block.size)
            return
        segmenter.prepare()  # once here, not in each process
        with _processes(segmenter, count) as ask:
            waiting: deque[tuple[Block, Future[CutBlock]]] = deque()
            for block in blocks:
                waiting.append((block, ask((block.text, block.ends, goes_on, documents))))
                goes_on = not block.ends
                if len(waiting) > count + 1:
                    done, answer = waiting.popleft()
                    yield done, answer.result()
                    advance(done.size)
            for done, answer in waiting:
                yield done, answer.result()
                advance(done.size)


@contextmanager
def _processes(segmenter: Segmenter, count: int) -> Iterator[Callable[[tuple[Any, ...]], Future[CutBlock]]]:
    """Start processes; yield a function that passes a question to an idle one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-P", "-c", PROGRAM]
    idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
    started: list[subprocess.Popen[bytes]] = []

    def ask(question: tuple[Any, ...]) -> CutBlock:
        process = idle.get()
        try:
            _send(process.stdin, question)
            answer: CutBlock = pickle.load(cast(IO[bytes], process.stdout))  # from our own program
            return answer
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise DataError("A process that cuts text was ended. Is there too little memory?") from None
        finally:
            idle.put(process)

    with ThreadPoolExecutor(count, thread_name_prefix="cut") as threads:
        try:
            for _ in range(count):
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
                started.append(process)
                with suppress(BrokenPipeError):  # noticed when it is asked
                    _send(process.stdin, segmenter)
                idle.put(process)
            yield lambda question: threads.submit(ask, question)
        except BaseException:
            for process in started:
                process.kill()
            threads.shutdown(cancel_futures=True)
            raise
        finally:
            threads.shutdown(cancel_futures=True)
            for process in started:
                with suppress(BrokenPipeError):
                    cast(IO[bytes], process.stdin).close()  # the process ends when its input is closed
                process.wait()
                cast(IO[bytes], process.stdout).close()


def _send(pipe: Any, value: Any) -> None:
    pickle.dump(value, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def answer() -> None:
    """Run as a process's program: read a segmenter, then questions; write the answers."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    segmenter: Segmenter = pickle.load(source)
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            _send(target, cut_block(segmenter, *pickle.load(source)))
