"""Run a study's runs in parallel with joblib, each in a process of its own.

Clusters (`dlcore.studies.ray_executor`, `dlcore.studies.dask_executor`) use the same functions and the same jobs.
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
from dlcore.lazy_imports import import_lazily
from dlcore.studies.plan import Job
from dlcore.studies.study_run_record import FAILED, RUNNING, Record, read_record

Result = TypeVar("Result")
# Seconds that an idle process waits for its next job: longer than any study. When all have left after joblib's default
# of 300 s, joblib starts new ones without watching them, and the death of one goes unnoticed.
_PATIENCE = 24 * 3600
_DIED = "Its process died (killed by the system, for want of memory?)."


def share_out(jobs: int, wanted: int | None = None) -> tuple[int, int]:
    """Return the number of parallel runs, and of threads per run.

    One run per GPU, without GPUs one per core, so that each has its own core: small networks gain more from that than
    from several cores per run.

    Args:
        jobs: Number of runs to do.
        wanted: Requested number of parallel runs; None: as above.

    Returns:
        Parallel runs, and threads of each; at least 1.

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
    """Run jobs and yield their results as they finish, in any order. `work` must not raise.

    An exception in the caller (Ctrl-C) ends all processes.

    Raises:
        BrokenProcessPool: A process died.
    """
    import joblib

    # joblib replaces a process whose memory has grown, between two jobs. Nothing is lost.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
    with joblib.parallel_config(
        backend="loky",
        inner_max_num_threads=threads,
        idle_worker_timeout=_PATIENCE,
        initializer=_start_worker,
        initargs=(os.getpid(),),
    ):
        # With one process, joblib would work in this process, where a crash or Ctrl-C ends everything; so use at least
        # two, of which one then stays idle.
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
    """Does a job and returns it with its result: results arrive in any order."""

    def __init__(self, work: Callable[[Job], Any]) -> None:
        self.work = work

    def __call__(self, job: Job) -> tuple[Job, Any]:
        """Do the job."""
        return job, self.work(job)


class Training(WithJob):
    """Does a run; its record in the folder shows when it has ended."""

    def early(self, job: Job) -> tuple[Job, Record] | None:
        """Return a run's record as soon as it has ended, even before its process returns; None while it is running."""
        record = _begun(job)
        return (job, record) if record is not None and record.status != RUNNING else None


def train_all(
    work: Callable[[Job], Record], jobs: Sequence[Job], at_once: int, threads: int, run: Any = run_jobs
) -> Iterator[tuple[Job, Record]]:
    """Run all jobs even if some fail, and yield each with its record as it ends.

    If a process dies, all running jobs must restart from their last checkpoint; they do so one at a time, to find the
    one at fault, and the others follow. `run` is a function like `run_jobs`.
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
        record: Record = next(iter(run(Training(work), [job], 1, threads)))[1]
        return record
    except BrokenProcessPool:
        return _failed(job)


def _begun(job: Job) -> Record | None:
    """Return the record of a job that has started; None otherwise."""
    try:
        record = read_record(job.folder)
    except DataError:
        return None
    return record if record is not None and record.digest == job.digest else None


def _failed(job: Job) -> Record:
    begun = _begun(job)
    record = begun or Record(job.variant, job.seed, job.digest, folds=job.folds)
    record.status, record.error = FAILED, _DIED
    if begun is not None:  # never overwrite another run's record, or an unreadable one
        record.write(job.folder)
    return record


def _gpus() -> int:
    """Count the GPUs that this process may use, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([word for word in visible.split(",") if word.strip() not in ("", "-1")])
    return len(glob.glob("/dev/nvidia[0-9]*"))  # noqa: PTH207 (a pattern below /dev, not a folder's content)


def _start_worker(parent: int) -> None:
    """Import Lightning lazily; end this process when its parent ends, for whatever reason.

    Otherwise a run of a killed study would go on unseen, in parallel with the run that replaces it.
    """
    import_lazily()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.getppid() == parent:  # not the case if something else starts the processes
        threading.Thread(target=watch, daemon=True).start()


def _end_processes() -> None:
    """Kill the worker processes at once."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=False, kill_workers=True)
