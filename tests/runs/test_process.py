"""What a process sets before any tensor work."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

FAULTS = """
import resource, sys, torch
from dlcore.lazy_imports import import_lazily
import_lazily()
from dlcore.runs.process import prepare_process

prepare_process()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print([faults() for _ in range(8)][-1])
"""


def pages(**environment):
    """Pages that the system gives for a tensor of 40 MB after others like it were freed."""
    command = [sys.executable, "-c", FAULTS]
    unset = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    found = subprocess.run(command, env=unset | environment, capture_output=True, text=True, check=True, timeout=120)
    return int(found.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the setting")
def test_memory_that_a_tensor_leaves_is_used_again():
    assert pages() < 100


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has the setting")
@pytest.mark.matrix
def test_a_setting_of_the_users_own_stays():
    assert pages(MALLOC_ARENA_MAX="2") > 1_000
