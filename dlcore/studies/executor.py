"""Processes of the runs: on this machine, or on a cluster."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dlcore.errors import ArgumentError, ConfigError, check_number
from dlcore.studies import pool
from dlcore.studies.plan import Job

Result = TypeVar("Result")


def import_library(module: str, extra: str) -> Any:
    """Import an optional library.

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


def share_out_cluster(jobs: int, wanted: int | None, room: int) -> tuple[int, int]:
    """Return the number of parallel runs on a cluster with room for `room` of them, and threads per run: one."""
    if wanted is not None:
        check_number("--jobs", wanted, at_least=1, whole=True)
    return max(1, min(jobs, wanted or room, room)), 1


class InPlace:
    """Does a job in the folder where the command was started, also on another machine.

    Relative paths in settings and a user's own classes are found there, and all machines see the written files.
    """

    def __init__(self, work: Callable[[Job], Any], folder: Path) -> None:
        self.work, self.folder = work, folder

    def __call__(self, job: Job) -> Any:
        """Do the job."""
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


LOCAL = "local"
BACKENDS = (LOCAL, "ray", "dask")


class Executor(Protocol):
    """Processes that run jobs; the module `dlcore.studies.pool` is that of this machine."""

    def share_out(self, jobs: int, wanted: int | None) -> tuple[int, int]:
        """Return the number of parallel runs, and of threads per run; see `dlcore.studies.pool.share_out`."""

    def run_jobs(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int, threads: int
    ) -> Iterator[Result]:
        """Run jobs and yield their results as they finish; see `dlcore.studies.pool.run_jobs`."""


@contextlib.contextmanager
def open_executor(backend: str = LOCAL, address: str | None = None, wanted: int | None = None) -> Iterator[Executor]:
    """Start or reach the processes, and release them at the end.

    Args:
        backend: ``local``, ``ray`` or ``dask``.
        address: Address of an existing cluster; None: the environment's (``RAY_ADDRESS``, ``DASK_SCHEDULER_ADDRESS``),
            else start a cluster on this machine.
        wanted: Number of parallel runs; None: as many as the cluster has room for.

    Raises:
        ArgumentError: There is no such backend, or an address is given without a cluster backend.
        ConfigError: The backend's library is not installed, or the cluster cannot be reached or used.
    """
    if backend not in BACKENDS:
        raise ArgumentError("--backend", " or ".join(BACKENDS), backend)
    if backend == LOCAL:
        if address is not None:
            raise ArgumentError("--backend_address", "nothing, without --backend ray or --backend dask", address)
        yield pool
        return
    # Import only the backend that is used.
    module = importlib.import_module(f"dlcore.studies.{backend}_executor")
    with getattr(module, f"open_{backend}")(address, wanted) as executor:
        yield executor
