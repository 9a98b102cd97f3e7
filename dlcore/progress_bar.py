"""A bar that shows how far a long work is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal


@contextmanager
def progress_bar(work: str, total: int, unit: Literal["files", "bytes"] = "files") -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, on standard error, until the work is done; elsewhere nothing.

    Args:
        work: What is done (``decoding pictures``).
        total: How many files or bytes there are.
        unit: What is counted.

    Yields:
        What is called with how many more are done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    done = MofNCompleteColumn() if unit == "files" else DownloadColumn()
    columns = TextColumn(work), BarColumn(), done, TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(work, total=total)
        yield lambda count: progress.advance(task, count)
