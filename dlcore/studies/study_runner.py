"""Run studies: the runs of all of them in one pool; judge each study as soon as its last run has ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from dlcore import cache
from dlcore.errors import ConfigError, FitError
from dlcore.studies import pool
from dlcore.studies.executor import Executor
from dlcore.studies.outcome import Outcome, conclude
from dlcore.studies.plan import Job, Plan, clear_leftovers, make_plan
from dlcore.studies.results import read_results
from dlcore.studies.study import Study
from dlcore.studies.study_run_record import DONE, FAILED, RECORD, Record
from dlcore.studies.worker import inspect, train

RUNS = Path("lightning_logs")


@dataclass(frozen=True)
class Listener:
    """Callbacks for the progress of studies.

    Args:
        began: Called with the plans and the number of parallel runs, before the first run.
        ended: Called with each run that has ended.
        concluded: Called with each study that has ended, in any order.
    """

    began: Callable[[Sequence[Plan], int], None] = lambda plans, at_once: None
    ended: Callable[[Job, Record], None] = lambda job, record: None
    concluded: Callable[[Outcome], None] = lambda outcome: None


def run_study(
    study: Study,
    runs: Path = RUNS,
    at_once: int | None = None,
    redo: bool = False,
    listener: Listener | None = None,
    executor: Executor | None = None,
    total: int = 0,
) -> Outcome:
    """Run the rest of a study, and judge it; see `run_studies`."""
    return run_studies([study], runs, at_once, redo, listener, executor, total)[0]


def run_studies(
    studies: Sequence[Study],
    runs: Path = RUNS,
    at_once: int | None = None,
    redo: bool = False,
    listener: Listener | None = None,
    executor: Executor | None = None,
    total: int = 0,
) -> list[Outcome]:
    """Run the rest of several studies, in their order, and judge them.

    Their runs share one pool: while the last long run of a study is running, those of the next study start.

    Args:
        studies: The studies, each with a folder of its own.
        runs: Folder of all runs.
        at_once: Parallel runs; None: one per GPU, without GPUs one per core.
        redo: Run everything again.
        listener: Callbacks for the progress.
        executor: Processes of the runs (`dlcore.studies.executor.open_executor`); None: processes on this machine.
        total: Number of runs that there will be in all, if there will be more than now; see `share_out`.

    Returns:
        The outcome of each, in their order.

    Raises:
        DlcoreError: They cannot be run. A run that fails does not raise: it is among the failures.
    """
    told, executor = listener or Listener(), executor or pool
    with contextlib.ExitStack() as held:
        for study in studies:
            held.enter_context(locked(runs / study.folder))
        plans = make_plans(studies, runs, redo)
        jobs = [job for plan in plans for job in plan.jobs]
        together, threads = share_out(plans, executor, at_once, total)
        told.began(plans, max(1, min(together, len(jobs))))
        clear_leftovers(jobs)
        refused = check_jobs(jobs, together, threads, executor)
        possible = [job for job in jobs if job.group not in refused]
        if jobs and not possible and not any(plan.done for plan in plans):
            (_, name), error = next(iter(refused.items()))
            raise ConfigError(f"No variant can be trained. {name}: {error}")
        open_studies = {plan.study.folder: _OpenStudy(plan) for plan in plans}
        for job in jobs:
            if job.group in refused:
                failed = Record(job.variant, job.seed, "", FAILED, refused[job.group], folds=job.folds)
                told.ended(job, failed)
                open_studies[job.study].take(job, failed)
        for each in open_studies.values():
            each.conclude_if_ended(told)
        for job, record in pool.train_all(train, possible, together, threads, executor.run_jobs):
            told.ended(job, record)
            open_studies[job.study].take(job, record)
            open_studies[job.study].conclude_if_ended(told)
        return [each.conclude(told) for each in open_studies.values()]


def make_plans(studies: Sequence[Study], runs: Path, redo: bool = False) -> list[Plan]:
    """Return the plan of each study, with jobs numbered across studies; see `make_plan`."""
    plans: list[Plan] = []
    for study in studies:
        if any(plan.study.folder == study.folder for plan in plans):
            raise ConfigError(f"Two studies would have the same folder, {runs / study.folder}. Rename one of them.")
        plans.append(make_plan(study, runs, redo, first=sum(len(plan.jobs) for plan in plans)))
    return plans


def share_out(plans: Sequence[Plan], executor: Executor, at_once: int | None = None, total: int = 0) -> tuple[int, int]:
    """Return the number of parallel runs, and of threads per run.

    It depends on all runs, not on those that are left: with other threads, a study that goes on would round its sums
    in another way, and new processes would have to be started.

    Args:
        plans: The plan of each study.
        executor: Processes of the runs.
        at_once: Parallel runs; None: one per GPU, without GPUs one per core.
        total: Number of runs that there will be in all, if there will be more than now.
    """
    planned = sum(len(plan.done) + len(plan.jobs) for plan in plans)
    return executor.share_out(max(planned, total), at_once)


def check_jobs(
    jobs: Sequence[Job], at_once: int, threads: int, executor: Executor | None = None
) -> dict[tuple[str, str], str]:
    """Build each variant's model, data and trainer before the first run: a mistake shows now, not in an hour.

    Returns:
        Study and variant of those that cannot be trained, and the reason.

    Raises:
        FitError: A process died during the check.
    """
    firsts = list({job.group: job for job in reversed(jobs)}.values())[::-1]
    run = (executor or pool).run_jobs
    try:
        found = list(run(pool.WithJob(inspect), firsts, at_once, threads)) if firsts else []
    except BrokenProcessPool as error:
        if executor not in (None, pool):
            why = str(error).strip().splitlines()[-1].strip()
            raise FitError(
                f"The cluster cannot check the settings: {why}. Its machines need the same dlcore, and this folder."
            ) from error
        raise FitError(
            "A process died while the settings were checked (killed by the system, for want of memory?). Nothing has "
            "been trained. Do fewer runs at a time: --jobs 1"
        ) from error
    return {job.group: each["error"] for job, each in found if "error" in each}


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a study against a second process."""
    path = folder / ".lock"
    with cache.locked(path, wait=False) as turn:
        if not turn:
            who = path.read_text(encoding="utf-8").strip()
            raise ConfigError(
                f"{folder}: another process{f' ({who})' * bool(who)} is running this study. "
                "Wait until it ends, or end it."
            )
        path.write_text(str(os.getpid()), encoding="utf-8")
        yield


@dataclass
class _OpenStudy:
    """A study whose runs may not all have ended."""

    plan: Plan
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    outcome: Outcome | None = None

    def __post_init__(self) -> None:
        self.done, self.left = dict(self.plan.done), {job.folder for job in self.plan.jobs}

    def take(self, job: Job, record: Record) -> None:
        """Record a run that has ended; an interrupted one is neither done nor failed."""
        self.left.discard(job.folder)
        if record.status == DONE and not (job.folder / RECORD).is_file():
            why = "It ended well on another machine, whose folder is not this one: a cluster's machines must share it."
            self.failures.append((job.variant, job.seed, why))
        elif record.status == DONE:
            self.done[job.variant, job.seed] = job.folder, record
        elif record.status == FAILED:
            self.failures.append((job.variant, job.seed, record.error))

    def conclude_if_ended(self, told: Listener) -> None:
        if not self.left:
            self.conclude(told)

    def conclude(self, told: Listener) -> Outcome:
        if self.outcome is None:
            self.outcome = conclude(read_results(self.plan.study, self.done, self.failures), self.plan.root)
            told.concluded(self.outcome)
        return self.outcome
