"""Which tests run, and where: the tiers, the cores; a test that starts a process is of its tier."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

# All cores run tests: each of them on one thread, with the same sums on all machines. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["DLCORE_LANG"] = "en"  # messages are compared in English on a Chinese machine too


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests of a training's outcome be repeated with other seeds (.ci/margins)."""
    parser.addoption("--shift-seeds", type=int, default=0, metavar="N", help="Add N to each seed that torch is given.")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Choose what runs, and where, if ``-m`` and ``-n`` do not.

    ``python -m pytest`` runs the first tier on all cores; with files and folders all their tests but the long ones, in
    one process.
    """
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if not config.option.markexpr:  # in each process again: only what was typed is handed on
        config.option.markexpr = "not matrix and not soak" + " and not process" * whole
    elif config.option.markexpr == "process":  # a case of the matrix may lie in a file of processes
        config.option.markexpr = "process and not matrix and not soak"
    has_cores = config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workerinput")
    if whole and has_cores and config.option.numprocesses is None:
        config.option.numprocesses, config.option.dist = "auto", "worksteal"


def pytest_configure(config: pytest.Config) -> None:
    """Hear signals that who started the tests ignores (nohup, a shell's background), see processes, load fixtures."""
    for number, usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    note_processes(patch)
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        config.pluginmanager.import_plugin("shared_fixtures")  # seconds, which a process that runs no tests saves


# Tiers

WITH_PROCESSES = {"faults", "many_processes", "soak"}  # folders
TRAINED = {"trained", "text_run"}  # fixtures of whole runs
AT_ONCE = {"error", "refused"}  # fixtures of commands that end at once; those of `workplace` alone do not
_started: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of these folders and fixtures, but for those that have a tier of their own."""
    for item in items:
        fixtures = {*getattr(item, "fixturenames", ())}
        is_whole = fixtures & TRAINED or ("workplace" in fixtures and not fixtures & AT_ONCE)
        if (item.path.parent.name in WITH_PROCESSES or is_whole) and not {"matrix", "soak"} & marks(item):
            item.add_marker(pytest.mark.process)


def marks(item: pytest.Item) -> set[str]:
    """Names of a test's marks."""
    return {mark.name for mark in item.iter_markers()}


def note_processes(patch: pytest.MonkeyPatch) -> None:
    """Write down each process that a test starts."""

    def noting(name: str, start: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: Any, **kwargs: Any) -> Any:
            if "ldconfig" not in str(args[1:2]):  # torch looks for CUDA's libraries when they are first needed
                _started.append(name)
            return start(*args, **kwargs)

        return note

    for owner, name in ((subprocess.Popen, "__init__"), (BaseProcess, "start"), (os, "fork")):
        patch.setattr(owner, name, noting(f"{owner.__name__}.{name}", getattr(owner, name)))


def pytest_runtest_logstart() -> None:
    """Forget what the test before has started."""
    _started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that starts a process and has no mark that says so."""
    yield
    if _started and not {"process", "matrix", "soak"} & marks(item):
        pytest.fail(f"starts a process ({', '.join(sorted({*_started}))}): mark it with pytest.mark.process")
