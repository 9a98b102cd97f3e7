"""How long threads wait for a core: known where two processes want the same one."""

import subprocess
import sys

import pytest

from dlcore.callbacks.core_waits import CoreWaits

_TWO_WANT_ONE_CORE = """
import os, sys, threading, time
from dlcore.callbacks.core_waits import CoreWaits

core = {min(os.sched_getaffinity(0))}
os.sched_setaffinity(0, core)
rival = os.fork() if sys.argv[1] == "busy" else -1
if rival == 0:
    end = time.monotonic() + 10  # by itself, should nobody be left to end it
    while time.monotonic() < end:
        pass
    os._exit(0)
waits = CoreWaits(1.4)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    if sys.argv[1] == "idle":
        time.sleep(0.1)
print(waits.share())
if rival > 0:
    os.kill(rival, 9)
"""

needs_linux = pytest.mark.skipif(CoreWaits(0).share() is None, reason="only Linux tells how long threads waited")


def _share(kind):
    answer = subprocess.run(
        [sys.executable, "-c", _TWO_WANT_ONE_CORE, kind], capture_output=True, text=True, timeout=60, check=True
    )
    return float(answer.stdout)


@needs_linux
def test_two_processes_that_want_one_core_wait_half_of_the_time_each():
    assert 0.35 < _share("busy") < 1  # more where other work wants that core as well


@needs_linux
def test_who_sleeps_does_not_wait():
    assert _share("idle") < 0.25  # what a fit calls busy; on a loaded machine it waits a little at each awakening


def test_where_the_system_does_not_tell_nothing_is_known(tmp_path):
    assert CoreWaits(0, tmp_path / "nothing").share() is None


def test_nothing_is_said_before_the_while_is_over():
    assert CoreWaits(60).share() is None
