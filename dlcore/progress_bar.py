"""Progress bar for long tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal


@contextmanager
def progress_bar(work: str, total: int, unit: Literal["files", "bytes"] = "files") -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error during the block, if that is a terminal.

    Args:
        work: Description of the task (``decoding pictures``).
        total: Number of files or bytes.
        unit: What is counted.

    Yields:
        Function to call with the number of files or bytes completed since the last call.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    done = MofNCompleteColumn() if unit == "files" else DownloadColumn()
    columns = TextColumn(work), BarColumn(), done, TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(work, total=total)
        yield lambda count: progress.advance(task, count)
