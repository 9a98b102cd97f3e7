"""How long threads wait for a core: the share of the thread that waited most, of a while that is over."""

from types import SimpleNamespace

import pytest

from dlcore.callbacks import run_events as cpu_wait
from dlcore.callbacks.run_events import CoreWaits


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Set the clock, in seconds, and how long each thread has waited until then, in seconds, as Linux tells it."""

    def machine(now, **waited):
        monkeypatch.setattr(cpu_wait, "time", SimpleNamespace(monotonic=lambda: now))
        for thread, seconds in waited.items():
            (tmp_path / thread).mkdir(exist_ok=True)
            (tmp_path / thread / "schedstat").write_text(f"123456789 {round(seconds * 1e9)} 42\n")

    return machine


def test_the_thread_that_waited_most_tells_and_each_while_is_counted_anew(machine, tmp_path):
    machine(100.0, t1=5.0, t2=1.0)
    waits = CoreWaits(10, tmp_path)
    machine(109.9, t1=9.0, t2=2.0)
    assert waits.share() is None  # the while goes on
    machine(110.0, t1=9.0, t2=2.0)
    assert waits.share() == pytest.approx(0.4)
    machine(130.0, t1=9.0, t2=3.0, t3=5.0)  # a thread that began meanwhile counts from its beginning
    assert waits.share() == pytest.approx(0.25)
    machine(140.0)
    assert waits.share() == 0


def test_a_share_is_at_most_the_whole(machine, tmp_path):
    machine(0.0, t1=0.0)
    waits = CoreWaits(1, tmp_path)
    machine(1.0, t1=1.001)  # the clocks of the two are not read at the same time
    assert waits.share() == 1


def test_a_thread_that_ended_or_is_not_counted_is_passed_over(machine, tmp_path):
    machine(0.0, t1=0.0, t2=0.0, t3=0.0)
    waits = CoreWaits(1, tmp_path)
    machine(2.0, t1=1.0)
    (tmp_path / "t2" / "schedstat").unlink()
    (tmp_path / "t3" / "schedstat").write_text("\n")
    assert waits.share() == pytest.approx(0.5)


def test_where_the_system_does_not_tell_nothing_is_known(tmp_path):
    assert CoreWaits(0, tmp_path / "nothing").share() is None


def test_this_machines_own_threads_are_read_where_it_tells():
    share = CoreWaits(0).share()
    assert share is None or 0 <= share <= 1
