"""Which runs a study is made of, and which of them are still to be done."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcore.configs.choice import stacked_recipes
from dlcore.studies.record import DONE, FAILED, RUNNING, Record, read_record
from dlcore.studies.study import Study, Variant

_IRRELEVANT = ("progress_display",)  # what changes nothing of a run's outcome


@dataclass(frozen=True)
class Job:
    """One run that is to be done.

    Args:
        variant: The variant's name.
        seed: The seed.
        words: Its command line behind ``fit``.
        digest: Tells its settings from others.
        folder: The run's folder.
        number: Its place among the jobs, by which devices are dealt out.
        goes_on: Whether the folder holds a run that was interrupted and goes on.
        test: Whether the best checkpoint is measured on the test samples.
    """

    variant: str
    seed: int
    words: tuple[str, ...]
    digest: str
    folder: Path
    number: int
    goes_on: bool
    test: bool

    @property
    def checkpoint(self) -> Path:
        """Its last state, if it has been written."""
        return self.folder / "checkpoints" / "last.ckpt"


@dataclass(frozen=True)
class Plan:
    """What is done and what is to do.

    Args:
        study: The study.
        root: Folder of the study's runs.
        done: Folders and records of runs that have ended, by variant and seed.
        jobs: What is to do, a seed of all variants after the other.
    """

    study: Study
    root: Path
    done: dict[tuple[str, int], tuple[Path, Record]]
    jobs: list[Job]


def make_plan(study: Study, runs: Path, redo: bool = False) -> Plan:
    """Compare a study with what lies in its folder.

    A run is done if a folder of its variant and seed has the same settings and has ended well; one that was interrupted
    goes on from its last checkpoint; one that failed begins anew.

    Args:
        study: The study.
        runs: Folder of all runs (``lightning_logs``).
        redo: Do everything again, in new folders beside those that are there.

    Raises:
        DlcoreError: A recipe cannot be read.
    """
    root = runs / study.folder
    done: dict[tuple[str, int], tuple[Path, Record]] = {}
    jobs: list[Job] = []
    # A seed of all variants first: were it stopped, as many variants as possible can be compared.
    for seed in study.seeds:
        for variant in study.variants:
            digest = digest_of(variant, seed, study.test)
            found = None if redo else _newest(root / variant.folder, seed, digest)
            if found is not None and found[1].status == DONE:
                done[variant.name, seed] = found
                continue
            goes_on = found is not None and (found[0] / "checkpoints" / "last.ckpt").is_file()
            folder = found[0] if found is not None and goes_on else _new_folder(root / variant.folder, seed)
            jobs.append(
                Job(
                    variant.name, seed, tuple(variant.words(seed)), digest, folder.absolute(), len(jobs), goes_on,
                    study.test)
            )  # fmt: skip
    return Plan(study, root, done, jobs)


def digest_of(variant: Variant, seed: int, test: bool) -> str:
    """Tells the settings of a run from all others: 12 hexadecimal digits of what recipe, variant and seed say."""
    recipe = {key: value for key, value in stacked_recipes([variant.recipe]).items() if key not in _IRRELEVANT}
    settings = {key: value for key, value in variant.settings.items() if key.partition(".")[0] not in _IRRELEVANT}
    content: dict[str, Any] = {"recipe": recipe, "settings": settings, "seed": seed, "test": test}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def can_go_on(job: Job) -> bool:
    """Whether a run with these settings lies in the job's folder that was interrupted and has a checkpoint."""
    record = read_record(job.folder)
    return record is not None and (record.digest, record.status) == (job.digest, RUNNING) and job.checkpoint.is_file()


def clear_leftovers(jobs: list[Job]) -> None:
    """Remove what failed runs, and those that ended before their first checkpoint, left in the folders of jobs."""
    for job in jobs:
        if job.folder.is_dir() and not can_go_on(job):
            shutil.rmtree(job.folder)


def _folders(parent: Path, seed: int) -> Iterator[Path]:
    """Folders of a variant's runs with a seed, oldest first: ``seed_0``, ``seed_0_2``, …."""
    number = 1
    while (folder := parent / (f"seed_{seed}" if number == 1 else f"seed_{seed}_{number}")).is_dir():
        yield folder
        number += 1


def _newest(parent: Path, seed: int, digest: str) -> tuple[Path, Record] | None:
    """The newest run with these settings that has not failed."""
    found = None
    for folder in _folders(parent, seed):
        record = read_record(folder)
        if record is not None and record.digest == digest and record.status != FAILED:
            found = folder, record
    return found


def _new_folder(parent: Path, seed: int) -> Path:
    """The next free folder; one that holds no more than a run that failed or never began is free too."""
    number = 1
    for folder in _folders(parent, seed):
        record = read_record(folder)
        kept = record is not None and record.status != FAILED and (folder / "checkpoints" / "last.ckpt").is_file()
        if not kept and (record is None or record.status != DONE):
            return folder
        number += 1
    return parent / (f"seed_{seed}" if number == 1 else f"seed_{seed}_{number}")
