"""Tests that start processes are not of the tier of `python -m pytest`."""

import subprocess
import sys

import pytest


@pytest.mark.xfail(strict=True, raises=pytest.fail.Exception, reason="it is to fail: it has no mark `process`")
def test_a_test_that_starts_a_process_fails_without_the_mark():
    subprocess.run([sys.executable, "-c", ""], check=True)


@pytest.mark.process
def test_a_test_of_processes_among_all_tests_was_asked_for(pytestconfig):
    if pytestconfig.args_source is pytest.Config.ArgsSource.TESTPATHS:
        assert "process" in pytestconfig.option.markexpr
