"""Progress bar for long tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal


@contextmanager
def progress_bar(
    work: str, total: int | None, unit: Literal["files", "bytes"] = "files", after: float = 0
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error during the block, if that is a terminal.

    Args:
        work: Description of the task (``decoding pictures``).
        total: Number of files or bytes; None: not known before the end.
        unit: What is counted.
        after: Seconds after which the bar appears, so that a short task shows none.

    Yields:
        Function to call with the number of files or bytes completed since the last call.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    done = MofNCompleteColumn() if unit == "files" else DownloadColumn()
    columns = TextColumn(work), BarColumn(), done, TimeRemainingColumn()
    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task, start = progress.add_task(work, total=total), time.monotonic() + after

    def advance(count: int) -> None:
        progress.advance(task, count)
        if not progress.live.is_started and time.monotonic() >= start:
            progress.start()

    if not after:
        progress.start()
    try:
        yield advance
    finally:
        progress.stop()
