import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

CODE = """
import importlib, sys
main = importlib.import_module("dlcore.cli.main")
def leave(argv):
    raise BrokenPipeError(32, "Broken pipe")
main._dispatch = leave
sys.exit(main.main(["recipes"]))
"""


def test_a_reader_that_leaves_the_pipe_is_no_error():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
