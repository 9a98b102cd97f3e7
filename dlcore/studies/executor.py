"""Processes of the runs: on this machine, or on a cluster."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from dlcore.errors import ArgumentError
from dlcore.studies import pool
from dlcore.studies.plan import Job

Result = TypeVar("Result")
LOCAL = "local"
BACKENDS = (LOCAL, "ray", "dask")


class Executor(Protocol):
    """Processes that run jobs."""

    def share_out(self, jobs: int, wanted: int | None) -> tuple[int, int]:
        """Return the number of parallel runs, and of threads per run; see `dlcore.studies.pool.share_out`."""

    def run_jobs(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int, threads: int
    ) -> Iterator[Result]:
        """Run jobs and yield their results as they finish; see `dlcore.studies.pool.run_jobs`."""


class LocalExecutor:
    """Processes on this machine."""

    def share_out(self, jobs: int, wanted: int | None) -> tuple[int, int]:
        """See `dlcore.studies.pool.share_out`."""
        return pool.share_out(jobs, wanted)

    def run_jobs(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int, threads: int
    ) -> Iterator[Result]:
        """See `dlcore.studies.pool.run_jobs`."""
        return pool.run_jobs(work, jobs, at_once, threads)


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
        yield LocalExecutor()
        return
    # Import only the backend that is used.
    module = importlib.import_module(f"dlcore.studies.{backend}_executor")
    with getattr(module, f"open_{backend}")(address, wanted) as executor:
        yield executor
