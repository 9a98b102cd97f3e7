"""A terminal that nobody sees, so that progress bars draw themselves as they do for a user."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen_terminal() -> Iterator[None]:
    """Let this process' output and errors go to a terminal whose other end a process of its own reads and forgets."""
    master, slave = pty.openpty()
    reader = subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(master)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    os.dup2(slave, 1)
    os.dup2(slave, 2)
    os.close(slave)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, own in enumerate(kept, 1):
            os.dup2(own, number)
            os.close(own)
        reader.wait(timeout=60)
