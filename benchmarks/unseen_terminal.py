"""A hidden terminal, so that progress bars are drawn as they are for a user."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen_terminal() -> Iterator[None]:
    """Redirect stdout and stderr to a pseudo-terminal whose output a separate process discards."""
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
