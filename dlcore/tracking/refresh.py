"""Limit for work that is repeated during training, to a share of the time."""

from __future__ import annotations

import time
from collections.abc import Callable

from dlcore.errors import check_number


class Refresh:
    """Time budget: with a share of 0.01, work that took one second may be repeated a hundred seconds later.

    For work in the background, call `due` before submitting it, and `took` at its end. Running work is not due.

    Args:
        share: Share of the time for the work, in (0, 1].
        expected: Expected seconds of the first run, at least 0; the first run waits as if it were a repetition.
        clock: Returns the time in seconds.

    Raises:
        ArgumentError: A value is out of range.
    """

    def __init__(self, share: float = 0.01, expected: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        check_number("share", share, above=0, at_most=1)
        check_number("expected", expected, at_least=0)
        self.share, self._clock = share, clock
        self._under_way = False
        self._next = clock() + expected / share

    def due(self) -> bool:
        """Return whether the work is due. After True, return False until `took` is called."""
        # No lock is needed: one thread calls `due`, another one `took`.
        if self._under_way or self._clock() < self._next:
            return False
        self._under_way = True
        return True

    def took(self, seconds: float) -> None:
        """Record the end of the work.

        Args:
            seconds: Duration of the work, at least 0.
        """
        self._next = self._clock() + seconds / self.share
        self._under_way = False
