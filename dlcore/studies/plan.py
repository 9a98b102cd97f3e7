"""Which runs a study is made of, and which of them are still to be done."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcore.config.merge import stacked_recipes
from dlcore.errors import DataError
from dlcore.studies.record import DONE, FAILED, RUNNING, Record, read_record
from dlcore.studies.study import Study, Variant
from dlcore.studies.vary import parsed

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
        study: The folder's name of its study.
    """

    variant: str
    seed: int
    words: tuple[str, ...]
    digest: str
    folder: Path
    number: int
    goes_on: bool
    test: bool
    study: str

    @property
    def group(self) -> tuple[str, str]:
        """Study and variant: its runs differ by their seed only."""
        return self.study, self.variant

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


def make_plan(study: Study, runs: Path, redo: bool = False, first: int = 0) -> Plan:
    """Compare a study with what lies in its folder.

    A run is done if a folder of its variant and seed has the same settings and has ended well; one that was interrupted
    goes on from its last checkpoint; one that failed begins anew. Where a record cannot be read its run is kept, with
    a warning, and another is made beside it.

    Args:
        study: The study.
        runs: Folder of all runs (``lightning_logs``).
        redo: Do everything again, in new folders beside those that are there.
        first: The first job's number.

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
            goes_on = found is not None
            folder = found[0] if found is not None else _new_folder(root / variant.folder, seed)
            jobs.append(
                Job(
                    variant.name, seed, tuple(variant.words(seed)), digest, folder.absolute(), first + len(jobs),
                    goes_on, study.test, study.folder)
            )  # fmt: skip
    return Plan(study, root, done, jobs)


def digest_of(variant: Variant, seed: int, test: bool) -> str:
    """Tells the settings of a run from all others: 12 hexadecimal digits of what recipe, variant and seed say."""
    recipe = {key: value for key, value in stacked_recipes([variant.recipe]).items() if key not in _IRRELEVANT}
    # A flag's value is text, a file's a number: to the run both say the same.
    settings = {key: value for key, value in parsed(variant.settings).items() if _top(key) not in _IRRELEVANT}
    content: dict[str, Any] = {"recipe": recipe, "settings": settings, "seed": seed, "test": test}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _top(key: str) -> str:
    return key.partition(".")[0]


def can_go_on(job: Job) -> bool:
    """Whether a run with these settings lies in the job's folder that was interrupted and has a checkpoint.

    Raises:
        DataError: Its record cannot be read.
    """
    record = read_record(job.folder)
    return record is not None and (record.digest, record.status) == (job.digest, RUNNING) and job.checkpoint.is_file()


def clear_leftovers(jobs: list[Job]) -> None:
    """Remove what failed runs, and those that ended before their first checkpoint, left in the folders of jobs.

    Raises:
        DataError: A folder holds a run that is to be kept; see `clear`.
    """
    for job in jobs:
        if job.folder.is_dir() and not job.goes_on:
            clear(job.folder)


def clear(folder: Path) -> None:
    """Remove the folder of a run that is worth nothing.

    Raises:
        DataError: It may be worth something: it has ended well, or has checkpoints and has not failed.
    """
    if not _is_worthless(folder):
        raise DataError(f"{folder}: holds a run that is kept; the same command makes another beside it. Give it again.")
    shutil.rmtree(folder)


def _folders(parent: Path, seed: int) -> Iterator[Path]:
    """Folders of a variant's runs with a seed, oldest first: ``seed_0``, ``seed_0_2``, …."""
    number = 1
    while (folder := parent / (f"seed_{seed}" if number == 1 else f"seed_{seed}_{number}")).is_dir():
        yield folder
        number += 1


def _newest(parent: Path, seed: int, digest: str) -> tuple[Path, Record] | None:
    """The newest run with these settings that has ended well or can go on."""
    found = None
    for folder in _folders(parent, seed):
        try:
            record = read_record(folder)
        except DataError as error:
            kept = "has nothing to lose" if _is_worthless(folder) else "is kept, and does not count"
            warnings.warn(f"{error} The run {kept}.", stacklevel=2)
            continue
        if record is None or record.digest != digest:
            continue
        begun = record.status == RUNNING and (folder / "checkpoints" / "last.ckpt").is_file()
        if record.status == DONE or begun:
            found = folder, record
    return found


def _new_folder(parent: Path, seed: int) -> Path:
    """The next free folder; one that holds no more than a run that failed or never began is free too."""
    number = 1
    for folder in _folders(parent, seed):
        if _is_worthless(folder):
            return folder
        number += 1
    return parent / (f"seed_{seed}" if number == 1 else f"seed_{seed}_{number}")


def _is_worthless(folder: Path) -> bool:
    """Whether a folder's run has failed, or has neither ended well nor a checkpoint. In doubt it is worth something."""
    try:
        record = read_record(folder)
    except DataError:
        return not _has_checkpoint(folder)
    if record is not None and record.status == FAILED:
        return True
    return (record is None or record.status == RUNNING) and not _has_checkpoint(folder)


def _has_checkpoint(folder: Path) -> bool:
    try:
        return any(path.suffix == ".ckpt" for path in (folder / "checkpoints").iterdir())
    except FileNotFoundError:
        return False
    except OSError:  # it cannot be told
        return True
