"""The bar of long works: counted in files or in bytes on a terminal, silent elsewhere."""

import os
import pty
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

PROGRAM = """
import sys
from dlcore.progress_bar import progress_bar
with progress_bar("at work", 4_000_000, sys.argv[1]) as advance:
    advance(1_000_000)
"""


@pytest.mark.parametrize(("unit", "shown"), [("files", "1000000/4000000"), ("bytes", "1.0/4.0 MB")])
def test_a_terminal_sees_how_far_it_is(unit, shown):
    watcher, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", PROGRAM, unit], stderr=terminal, env=environment, timeout=100, check=True)
    os.close(terminal)
    seen = os.read(watcher, 100_000).decode()
    os.close(watcher)
    assert "at work" in seen
    assert shown in seen


LATE = """
from dlcore.progress_bar import progress_bar
with progress_bar("at work", None, after=float(__import__("sys").argv[1])) as advance:
    advance(123_456)
"""


@pytest.mark.parametrize(("after", "shown"), [("1e-9", True), ("1000", False)])
def test_a_short_task_shows_no_bar_and_a_total_need_not_be_known(after, shown):
    watcher, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", LATE, after], stderr=terminal, env=environment, timeout=100, check=True)
    os.write(terminal, b"end")
    os.close(terminal)
    seen = os.read(watcher, 100_000).decode()
    os.close(watcher)
    assert ("at work" in seen) == shown
    assert ("123456/?" in seen) == shown


def test_a_file_sees_nothing():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "files"], capture_output=True, text=True, timeout=100, check=True
    )
    assert (done.stdout, done.stderr.strip()) == ("", "")
