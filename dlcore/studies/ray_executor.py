"""Runs on a Ray cluster, with the backend that Ray registers with joblib.

That backend returns all results only at the end. So this module polls each run's record in its folder, which all
machines share, until it shows that the run has ended.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dlcore.errors import ConfigError
from dlcore.studies import pool
from dlcore.studies.executor import InPlace, import_library, lost_runs_are_broken, share_out_cluster
from dlcore.studies.plan import Job

Result = TypeVar("Result")
_EVERY = 0.3  # seconds between two polls


class RayExecutor:
    """Actors of a Ray cluster."""

    def __init__(self, ray: Any) -> None:
        resources = ray.cluster_resources()
        self.gpus = int(resources.get("GPU", 0))
        self.room = self.gpus or int(resources.get("CPU", 1))

    def share_out(self, jobs: int, wanted: int | None) -> tuple[int, int]:
        """Return one run per GPU of the cluster, without GPUs one per core, with one thread each."""
        return share_out_cluster(jobs, wanted, self.room)

    def run_jobs(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int, threads: int
    ) -> Iterator[Result]:
        """Run jobs and yield their results as they finish."""
        yield from lost_runs_are_broken(self._results(work, jobs, at_once))

    def _results(self, work: Callable[[Job], Result], jobs: Sequence[Job], at_once: int) -> Iterator[Result]:
        import joblib

        in_place = InPlace(work, Path.cwd())
        remote = {"num_gpus": 1} if self.gpus else {}
        box: dict[str, Any] = {}

        def carry_out() -> None:
            try:
                # With n_jobs=1 joblib would work in this process; so use at least two, of which one stays idle.
                with joblib.parallel_config(backend="ray", ray_remote_args=remote):
                    parallel = joblib.Parallel(n_jobs=max(2, at_once), pre_dispatch=at_once, batch_size=1)
                    box["results"] = parallel(joblib.delayed(in_place)(job) for job in jobs)
            except BaseException as error:
                box["error"] = error

        # A daemon: Ctrl-C ends this process at once, and Ray then ends the actors.
        thread = threading.Thread(target=carry_out, daemon=True)
        thread.start()
        given: set[Path] = set()
        early: Callable[[Job], Result | None] | None = getattr(work, "early", None)
        while thread.is_alive():
            thread.join(_EVERY)
            if early is None:
                continue
            for job in jobs:
                if job.folder not in given and (result := early(job)) is not None:
                    given.add(job.folder)
                    yield result
        if "error" in box:
            raise box["error"]
        for job, result in zip(jobs, box["results"], strict=True):
            if job.folder not in given:
                yield result


@contextlib.contextmanager
def open_ray(address: str | None, wanted: int | None) -> Iterator[RayExecutor]:
    """Reach a Ray cluster, or start one on this machine.

    Args:
        address: The cluster's address (``host:6379``, ``auto``); None: ``RAY_ADDRESS``, or start a cluster.
        wanted: Cores of a cluster started here; None: all.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    if address is None:
        _keep_to_this_machine()
    ray = import_library("ray", "ray")
    joblib_of_ray = import_library("ray.util.joblib", "ray")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's future default; without it Ray warns
    logging.getLogger("ray").setLevel(logging.ERROR)  # it warns about joblib's pool arguments
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    if address is None:
        quiet |= {"num_cpus": max(2, pool.share_out(10**6, wanted)[0]), "include_dashboard": False}
    try:
        ray.init(address=address or "local", **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(
            f"--backend_address: no Ray cluster answers at {address or 'this machine'}: {text}"
        ) from error
    try:
        joblib_of_ray.register_ray()
        yield RayExecutor(ray)
    finally:
        ray.shutdown()


def _keep_to_this_machine() -> None:
    """Make dlcore's own cluster listen only to this machine, and require a password.

    Ray runs anything for anybody who reaches it, and on Linux it listens on all addresses. It reads these variables
    when it is imported; the first one is named after the systems where it is the default.
    """
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    if "ray" in sys.modules:  # already imported: too late for the variables in this process
        constants = import_library("ray._private.ray_constants", "ray")
        constants.ENABLE_RAY_CLUSTER = os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] != "0"
    elif "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
