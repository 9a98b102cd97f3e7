"""Functions for all clusters: the folder that their machines share, and runs whose process was lost."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from dlcore.errors import ConfigError, check_number
from dlcore.studies.plan import Job

Result = TypeVar("Result")


def import_library(module: str, extra: str) -> Any:
    """Import an optional library.

    Args:
        module: Its module.
        extra: dlcore's extra that installs it.

    Raises:
        ConfigError: It is not installed; the message has the install command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ConfigError(
            f"{extra}: the library {library} is not installed. Install it: pip install 'dlcore[{extra}]'"
        ) from error


def share_out(jobs: int, wanted: int | None, room: int) -> tuple[int, int]:
    """Return the number of parallel runs on a cluster with room for `room` of them, and threads per run: one."""
    if wanted is not None:
        check_number("--jobs", wanted, at_least=1, whole=True)
    return max(1, min(jobs, wanted or room, room)), 1


class InPlace:
    """Does a job in the folder where the command was started, also on another machine.

    Relative paths in settings and a user's own classes are found there, and all machines see the written files.

    Args:
        work: The function to call.
        folder: The working folder.
    """

    def __init__(self, work: Callable[[Job], Any], folder: Path) -> None:
        self.work, self.folder = work, folder

    def __call__(self, job: Job) -> Any:
        """Do the job.

        Raises:
            ConfigError: This machine cannot access the folder.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise ConfigError(
                f"{socket.gethostname()}: {self.folder}: {error.strerror}. All machines of the cluster must see the "
                "working folder under the same path (NFS or the like)."
            ) from error
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        return self.work(job)


def lost_runs_are_broken(results: Iterator[Result]) -> Iterator[Result]:
    """Yield results; turn an error that is not the work's own (a dead process, a lost machine) into a broken pool.

    Raises:
        BrokenProcessPool: A process or a machine was lost.
        DlcoreError: The work cannot be done there.
    """
    try:
        yield from results
    except (ConfigError, GeneratorExit):
        raise
    except Exception as error:
        raise BrokenProcessPool(f"{type(error).__name__}: {error}") from error
