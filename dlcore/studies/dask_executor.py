"""Runs on a Dask cluster."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from dlcore.errors import ConfigError
from dlcore.studies import pool
from dlcore.studies.executor import InPlace, import_library, lost_runs_are_broken, share_out_cluster
from dlcore.studies.plan import Job

Result = TypeVar("Result")
_TIMEOUT = 30  # seconds to reach a cluster


class DaskExecutor:
    """Workers of a Dask cluster."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def share_out(self, jobs: int, wanted: int | None) -> tuple[int, int]:
        """Return one run per worker of the cluster, with one thread each."""
        return share_out_cluster(jobs, wanted, max(1, len(self.client.nthreads())))

    def run_jobs(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int, threads: int
    ) -> Iterator[Result]:
        """Run jobs and yield their results as they finish."""
        self.client.wait_for_workers(1, timeout=_TIMEOUT)
        yield from lost_runs_are_broken(self._results(InPlace(work, Path.cwd()), jobs, at_once))

    def _results(self, work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int) -> Iterator[Result]:
        """Yield results as they finish. Not through joblib, which waits forever for a job whose process has died."""
        distributed = import_library("distributed", "dask")
        waiting = iter(jobs)
        first = [self._submit(work, job) for job in islice(waiting, at_once)]
        going = distributed.as_completed(first, loop=self.client.loop)
        lost: Exception | None = None
        try:
            for future in going:
                try:
                    result = future.result()
                except Exception as error:  # wait for the other running jobs: else they would run twice
                    lost = lost or error
                    continue
                for job in islice(waiting, 0 if lost else 1):
                    going.add(self._submit(work, job))
                yield result
        finally:
            self.client.cancel([*going.futures])
        if lost is not None:
            raise lost

    def _submit(self, work: Callable[[Job], Result], job: Job) -> Any:
        return self.client.submit(work, job, pure=False, retries=0)


@contextlib.contextmanager
def open_dask(address: str | None, wanted: int | None) -> Iterator[DaskExecutor]:
    """Reach a Dask cluster, or start one on this machine.

    Args:
        address: The scheduler's address (``tcp://host:8786``); None: ``DASK_SCHEDULER_ADDRESS``, or start a cluster.
        wanted: Workers of a cluster started here; None: one per core.

    Raises:
        ConfigError: Dask is not installed, the cluster cannot be reached, or its workers have several threads.
    """
    distributed = import_library("distributed", "dask")
    dask = import_library("dask", "dask")
    address = address or os.environ.get("DASK_SCHEDULER_ADDRESS")
    # A run may start processes of its own (to decode pictures), which daemons must not.
    # A run whose process died is repeated by `pool.train_all`, alone.
    settings = {
        "distributed.worker.daemon": False,
        "distributed.worker.profile.enabled": False,
        "distributed.scheduler.allowed-failures": 0,
    }
    with dask.config.set(settings), contextlib.ExitStack() as held:
        if address is None:
            workers = pool.share_out(10**6, wanted)[0]
            own = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, memory_limit=0, dashboard_address=None, silence_logs=50
            )
            address = held.enter_context(own)
        try:
            client = held.enter_context(distributed.Client(address, timeout=_TIMEOUT, set_as_default=False))
        except (OSError, ValueError, TypeError) as error:
            text = " ".join(str(error).split())
            raise ConfigError(f"--backend_address: no Dask scheduler answers at {address}: {text}") from error
        several = {worker: number for worker, number in client.nthreads().items() if number != 1}
        if several:
            raise ConfigError(
                f"dask: {len(several)} of its workers have several threads, and runs in one process would share their "
                "random numbers. Start them with one: dask worker ADDRESS --nworkers 4 --nthreads 1 --no-dashboard"
            )
        yield DaskExecutor(client)
