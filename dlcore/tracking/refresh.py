"""How often something may be done anew while a run trains, so that it costs no more than a share of its time."""

from __future__ import annotations

import time
from collections.abc import Callable

from dlcore.errors import check_number


class Refresh:
    """A budget of time: what took a second may be done again a hundred seconds later, with a share of 0.01.

    For work in the background, ask `due` where it would be handed over, and say `took` where it ends. What is under way
    is not due.

    Args:
        share: The part of the time that it may take, in (0, 1].
        expected: Seconds that the first time will probably take, at least 0: it waits as if it had been done before.
        clock: Tells the seconds.

    Raises:
        ArgumentError: A value lies outside its range.
    """

    def __init__(self, share: float = 0.01, expected: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        check_number("share", share, above=0, at_most=1)
        check_number("expected", expected, at_least=0)
        self.share, self._clock = share, clock
        self._under_way = False
        self._next = clock() + expected / share

    def due(self) -> bool:
        """Whether it is time. A yes begins the work: until `took`, the answer is no."""
        # The clock alone decides in nearly all cases, and nothing is locked: one thread asks, another one answers.
        if self._under_way or self._clock() < self._next:
            return False
        self._under_way = True
        return True

    def took(self, seconds: float) -> None:
        """The work is done.

        Args:
            seconds: How long it took, at least 0.
        """
        self._next = self._clock() + seconds / self.share
        self._under_way = False
