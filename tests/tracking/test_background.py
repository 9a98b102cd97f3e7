import os
import pickle
import subprocess
import sys
import threading
import time
import warnings

import pytest

from dlcore.errors import ArgumentError
from dlcore.tracking import BackgroundWriter


@pytest.fixture
def writer():
    writer = BackgroundWriter()
    yield writer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer.close()


def background_threads():
    return [thread for thread in threading.enumerate() if thread.name == "dlcore-background"]


def test_runs_jobs_in_order_in_another_thread(writer):
    seen = []
    for number in range(200):
        writer.submit(lambda n, *, scale: seen.append((n * scale, threading.current_thread())), number, scale=2)
    writer.drain()
    assert [value for value, _ in seen] == list(range(0, 400, 2))
    assert {thread.name for _, thread in seen} == {"dlcore-background"}


def test_starts_no_thread_before_the_first_job(writer):
    before = len(background_threads())
    writer.drain()
    writer.close()
    assert len(background_threads()) == before
    writer.submit(int)
    assert len(background_threads()) == before + 1


def test_drain_waits_for_the_job_that_is_running(writer):
    done = []
    writer.submit(lambda: (time.sleep(0.2), done.append(True)))
    time.sleep(0.05)
    writer.drain()
    assert done == [True]


def test_full_queue_makes_submit_wait_and_drops_nothing():
    writer = BackgroundWriter(max_queue=2)
    release, seen, handed_over = threading.Event(), [], []
    writer.submit(release.wait, 10)

    def hand_over():
        for number in range(5):
            writer.submit(seen.append, number)
            handed_over.append(number)

    thread = threading.Thread(target=hand_over)
    thread.start()
    time.sleep(0.2)
    assert handed_over == [0]  # one is running, one waits: the queue of two is full
    release.set()
    thread.join()
    writer.close()
    assert seen == [0, 1, 2, 3, 4]


def test_failed_job_is_reported_once_at_drain_and_does_not_stop_the_others(writer):
    seen = []

    def break_down():
        error = ValueError("no ink")
        error.add_note("(figure val/confusion)")
        raise error

    writer.submit(break_down)
    writer.submit(sys.exit, 3)
    writer.submit(break_down)
    writer.submit(seen.append, 1)
    with pytest.warns(RuntimeWarning) as caught:
        writer.drain()
    assert seen == [1]
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "break_down (figure val/confusion): ValueError: no ink (2 times)" in message
    assert "exit: SystemExit: 3" in message
    writer.drain()  # said once


def test_works_again_after_close(writer):
    seen = []
    writer.submit(seen.append, 1)
    writer.close()
    assert seen == [1]
    writer.close()
    writer.submit(seen.append, 2)
    writer.close()
    assert seen == [1, 2]


def test_close_ends_the_thread_even_if_a_job_failed():
    writer = BackgroundWriter()
    before = len(background_threads())
    writer.submit(lambda: 1 / 0)
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError"):
        writer.close()
    assert len(background_threads()) == before


def test_job_that_submits_or_drains_does_not_wait_for_itself():
    writer, seen = BackgroundWriter(max_queue=1), []

    def outer():
        writer.submit(seen.append, "inner")
        writer.drain()
        writer.close()
        seen.append("outer")

    writer.submit(outer)
    writer.close()
    assert seen == ["inner", "outer"]


def test_job_releases_its_arguments_when_done(writer):
    import weakref

    class Big: ...

    big = Big()
    gone = weakref.ref(big)
    writer.submit(id, big)
    del big
    writer.drain()
    assert gone() is None


def test_copy_for_another_process_has_an_empty_queue(writer):
    release = threading.Event()
    writer.submit(release.wait, 10)
    copy = pickle.loads(pickle.dumps(writer))
    release.set()
    copy.drain()
    assert copy.max_queue == 64


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.process
def test_interpreter_exit_drains_and_reports():
    done = run_python(
        "import time\n"
        "from dlcore.tracking.background import BackgroundWriter\n"
        "writer = BackgroundWriter()\n"
        "writer.submit(time.sleep, 0.2)\n"
        "writer.submit(lambda: print('written'))\n"
        "writer.submit(lambda: 1 / 0)\n"
        "raise SystemExit(5)\n"
    )
    assert done.stdout == "written\n"
    assert "ZeroDivisionError" in done.stderr
    assert done.returncode == 5


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_process_does_not_wait_for_the_jobs_of_its_parent():
    done = run_python(
        "import os, sys, time, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "from dlcore.tracking.background import BackgroundWriter\n"
        "writer = BackgroundWriter()\n"
        "writer.submit(time.sleep, 1)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    writer.drain(); writer.submit(lambda: os.write(1, b'child ')); writer.close(); sys.exit(0)\n"
        "os.waitpid(child, 0); writer.close(); os.write(1, b'parent')\n"
    )
    assert (done.stdout, done.stderr) == ("child parent", "")


def test_refuses_a_queue_without_room():
    with pytest.raises(ArgumentError, match="max_queue: expected a number at least 1, got 0"):
        BackgroundWriter(max_queue=0)
