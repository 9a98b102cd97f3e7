"""A function's work in a process of its own, which may take only so much memory more than it has."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forked import CONTEXT


def within(megabytes: int, work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Let a function work.

    Args:
        megabytes: What it may take, of address space.
        work: The function, of a module.
        arguments: What it is given.

    Returns:
        What it gave, or the text of its error with the error's type; and the megabytes that it touched.
    """
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_run, args=(theirs, megabytes, work, arguments))
    process.start()
    theirs.close()
    try:
        assert ours.poll(60), "it hangs"
        answer: tuple[Any, float] = ours.recv()
        return answer
    finally:
        process.kill()
        process.join()


def _run(pipe: Any, megabytes: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    before = int(status["VmSize"].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (before + megabytes * 2**20,) * 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        answer = work(*arguments)
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    pipe.send((answer, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024))
