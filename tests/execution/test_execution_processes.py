"""Executions in two processes: the same training as Lightning's, to the bit."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process


def test_two_processes_train_the_same(tmp_path):
    script = Path(__file__).with_name("two_processes.py")
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout.strip().endswith("the same"), done.stderr[-3000:]
