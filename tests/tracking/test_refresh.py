import pytest

from dlcore.errors import ArgumentError
from dlcore.tracking.background import Refresh


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_what_took_a_second_is_due_again_a_hundred_seconds_later(clock):
    refresh = Refresh(clock=clock)
    assert refresh.due()
    clock.now = 3.0
    refresh.took(1.0)
    clock.now = 102.9
    assert not refresh.due()
    clock.now = 103.0
    assert refresh.due()


def test_what_is_under_way_is_not_due(clock):
    refresh = Refresh(clock=clock)
    assert refresh.due()
    clock.now = 1e9
    assert not refresh.due()
    refresh.took(0.0)
    assert refresh.due()


def test_the_first_time_waits_for_what_it_is_expected_to_take(clock):
    refresh = Refresh(share=0.1, expected=2.0, clock=clock)
    clock.now = 19.9
    assert not refresh.due()
    clock.now = 20.0
    assert refresh.due()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_all_together_takes_no_more_than_its_share(clock, share):
    refresh, busy, times = Refresh(share, expected=3.0, clock=clock), 0.0, [3.0, 1.0, 7.0, 0.1]
    while clock.now < 20_000:
        if refresh.due():
            took = times[int(clock.now) % len(times)]
            clock.now += took
            busy += took
            refresh.took(took)
        clock.now += 0.5
    # The last one may have been dearer than what was saved for it.
    assert 0 < busy <= share * clock.now + 7.0


@pytest.mark.parametrize(("argument", "value"), [("share", 0), ("share", 1.1), ("expected", -1)])
def test_an_impossible_argument_is_named(argument, value):
    with pytest.raises(ArgumentError, match=f"^{argument}: "):
        Refresh(**{argument: value})
