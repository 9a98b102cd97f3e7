"""A bar that shows how far a work on many files is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(work: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, on standard error, until the work is done; elsewhere nothing.

    Args:
        work: What is done (``decoding pictures``).
        total: How many files there are.

    Yields:
        What is called with how many more are done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(work), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(work, total=total)
        yield lambda count: progress.advance(task, count)
