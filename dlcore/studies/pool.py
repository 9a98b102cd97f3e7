"""Carries out the runs of a study, several at once, each in a process of its own: through joblib.

Clusters (`dlcore.studies.ray_crew`, `dlcore.studies.dask_crew`) take the same functions and the same jobs.
"""

from __future__ import annotations

import glob
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from dlcore.errors import DataError, check_number
from dlcore.studies.plan import Job
from dlcore.studies.record import FAILED, RUNNING, Record, read_record

Result = TypeVar("Result")
# Seconds that a process may wait for its next job: for ever, as far as a study goes. Where all have left for want of
# work (after 300 s, by default), joblib starts new ones without watching them, and if one dies nobody hears of it.
_PATIENCE = 24 * 3600
_DIED = "Its process died (killed by the system, for want of memory?)."


def share_out(jobs: int, wanted: int | None = None) -> tuple[int, int]:
    """How many runs go on at once, and with how many threads each.

    As many as there are GPUs, without any as there are cores, so that each has a core of its own: small networks gain
    more from that than from several cores a run.

    Args:
        jobs: Runs that are to be done.
        wanted: How many are wanted at once; None: as above.

    Returns:
        Runs at once, and threads of each; never fewer than 1.

    Raises:
        ArgumentError: `wanted` is below 1.
    """
    import joblib

    if wanted is not None:
        check_number("--jobs", wanted, at_least=1, whole=True)
    cores = joblib.cpu_count()
    at_once = max(1, min(jobs, wanted or _gpus() or cores))
    return at_once, max(1, cores // at_once)


def run_jobs(work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int, threads: int) -> Iterator[Result]:
    """Carry out jobs and give their results as they come, in any order.

    An exception of the caller's (Ctrl-C) ends all processes.

    Args:
        work: What to do; it must not raise.
        jobs: With what.
        at_once: How many at a time.
        threads: Threads that each may use.

    Raises:
        BrokenProcessPool: A process died.
    """
    import joblib

    # A process that has grown is replaced between two jobs. Nothing is lost by it.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
    with joblib.parallel_config(
        backend="loky",
        inner_max_num_threads=threads,
        idle_worker_timeout=_PATIENCE,
        initializer=_end_with,
        initargs=(os.getpid(),),
    ):
        # joblib does a single job at a time in its own process. There a crash or Ctrl-C would end all; so there are
        # two processes at least, of which one then has nothing to do.
        parallel = joblib.Parallel(
            n_jobs=max(2, at_once), pre_dispatch=at_once, batch_size=1, return_as="generator_unordered"
        )
        results = parallel(joblib.delayed(work)(job) for job in jobs)
        try:
            yield from results
        except BaseException:
            results.close()
            _end_processes()
            raise


class WithJob:
    """Does a job and says which it was: results come in any order.

    Args:
        work: What to do.
    """

    def __init__(self, work: Callable[[Job], Any]) -> None:
        self.work = work

    def __call__(self, job: Job) -> tuple[Job, Any]:
        """Do it."""
        return job, self.work(job)


class Training(WithJob):
    """The same for runs, whose folders say that they have ended."""

    def early(self, job: Job) -> tuple[Job, Record] | None:
        """What a run has come to, before its process gives it back; None while it goes on."""
        record = _begun(job)
        return (job, record) if record is not None and record.status != RUNNING else None


def train_all(
    work: Callable[[Job], Record], jobs: Sequence[Job], at_once: int, threads: int, run: Any = run_jobs
) -> Iterator[tuple[Job, Record]]:
    """Carry out runs whatever becomes of single ones, and give each with its record as it ends.

    Where a process dies, all that were at work have to begin again from their last checkpoint; they do so one at a
    time, so that the one at fault is found, and the others go on after them.

    Args:
        work: What to do.
        jobs: With what.
        at_once: How many at a time.
        threads: Threads that each may use.
        run: What carries jobs out, as `run_jobs` does.
    """
    left = list(jobs)
    while left:
        try:
            for job, record in run(Training(work), left, at_once, threads):
                left = [each for each in left if each.folder != job.folder]
                yield job, record
        except BrokenProcessPool:
            suspects = [job for job in left if _begun(job)]
            for job in suspects:
                left.remove(job)
                yield job, _alone(work, job, threads, run)
            if not suspects:
                yield from ((job, _failed(job)) for job in left)
                left = []


def _alone(work: Callable[[Job], Record], job: Job, threads: int, run: Any) -> Record:
    finished = _begun(job)
    if finished is not None and finished.status != RUNNING:
        return finished
    try:
        return next(iter(run(Training(work), [job], 1, threads)))[1]
    except BrokenProcessPool:
        return _failed(job)


def _begun(job: Job) -> Record | None:
    """The record of a job that has begun."""
    try:
        record = read_record(job.folder)
    except DataError:
        return None
    return record if record is not None and record.digest == job.digest else None


def _failed(job: Job) -> Record:
    begun = _begun(job)
    record = begun or Record(job.variant, job.seed, job.digest)
    record.status, record.error = FAILED, _DIED
    if begun is not None:  # never over a record that is of another run or cannot be read
        record.write(job.folder)
    return record


def _gpus() -> int:
    """GPUs that this process may use, found without loading torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([word for word in visible.split(",") if word.strip() not in ("", "-1")])
    return len(glob.glob("/dev/nvidia[0-9]*"))  # noqa: PTH207 (a pattern below /dev, not a folder's content)


def _end_with(parent: int) -> None:
    """End this process when the one that waits for it ends, however that was ended.

    Without it a run whose study was killed would go on unseen, beside the one that goes on in its place.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.getppid() == parent:  # not so where something else starts the processes
        threading.Thread(target=watch, daemon=True).start()


def _end_processes() -> None:
    """End the processes that are at work, at once."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=False, kill_workers=True)
