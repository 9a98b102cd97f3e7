"""Plan a study: its runs, and which of them remain to be done."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dlcore.config.merge import stacked_recipes
from dlcore.errors import DataError
from dlcore.studies.study import Study, Variant, run_label
from dlcore.studies.study_run_record import DONE, FAILED, RUNNING, Record, read_record
from dlcore.studies.vary import parsed

_IRRELEVANT = ("progress_display", "tracker")  # settings that do not change a run's outcome


@dataclass(frozen=True)
class Job:
    """One run to do."""

    variant: str
    seed: int  # the run's number: its seed, or seed · folds + fold
    words: tuple[str, ...]  # its command line after ``fit``
    digest: str  # hash of its settings
    folder: Path  # the run's folder
    number: int  # its index among the jobs, used to assign devices
    goes_on: bool  # whether the folder holds an interrupted run, which continues
    test: bool  # whether the best checkpoint is evaluated on the test samples
    study: str  # name of the study's folder
    folds: int = 0  # number of folds, of which one tests; 0: none

    @property
    def group(self) -> tuple[str, str]:
        """Study and variant: runs of a group differ only by their seed."""
        return self.study, self.variant

    @property
    def label(self) -> str:
        """Its seed or its fold, in words."""
        return run_label(self.seed, self.folds)

    @property
    def checkpoint(self) -> Path:
        """Path of its last checkpoint, which may not exist yet."""
        return self.folder / "checkpoints" / "last.ckpt"


@dataclass(frozen=True)
class Plan:
    """The done and the remaining runs of a study."""

    study: Study  # the study
    root: Path  # folder of the study's runs
    done: dict[tuple[str, int], tuple[Path, Record]]  # folders and records of finished runs, by variant and seed
    jobs: list[Job]  # the remaining runs, all variants of one seed after the other


def make_plan(study: Study, runs: Path, redo: bool = False, first: int = 0) -> Plan:
    """Compare a study with the runs in its folder.

    A run is done if a folder of its variant and seed has the same settings and ended well; an interrupted one continues
    from its last checkpoint; a failed one starts again. A run whose record cannot be read is kept, with a warning, and
    another one is made next to it.

    Args:
        study: The study.
        runs: Folder of all runs (``lightning_logs``).
        redo: Run everything again, in new folders next to the existing ones.
        first: The first job's number.

    Raises:
        DlcoreError: A recipe cannot be read.
    """
    root = runs / study.folder
    done: dict[tuple[str, int], tuple[Path, Record]] = {}
    jobs: list[Job] = []
    # All variants of one seed first: if the study is stopped, most variants can be compared.
    for seed in study.numbers:
        stem = f"fold_{seed}" if study.folds else f"seed_{seed}"
        for variant in study.variants:
            digest = digest_of(variant, seed, study.test, study.run_settings(seed) if study.folds else {})
            words = tuple(variant.words(study.run_settings(seed)))
            found = None if redo else _newest(root / variant.folder, stem, digest)
            if found is not None and found[1].status == DONE:
                done[variant.name, seed] = found
                continue
            goes_on = found is not None
            folder = found[0] if found is not None else _new_folder(root / variant.folder, stem)
            jobs.append(
                Job(
                    variant.name, seed, words, digest, folder.absolute(), first + len(jobs),
                    goes_on, study.test, study.folder, study.folds)
            )  # fmt: skip
    return Plan(study, root, done, jobs)


def digest_of(variant: Variant, seed: int, test: bool, run: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return a hash of a run's settings: 12 hexadecimal digits of recipe, variant and seed, and of its own settings."""
    recipe = {key: value for key, value in stacked_recipes([variant.recipe]).items() if key not in _IRRELEVANT}
    # A flag's value is text, a file's may be a number: parse both, since they mean the same.
    settings = {
        key: value for key, value in parsed({**variant.settings, **run}).items() if _top(key) not in _IRRELEVANT
    }
    content: dict[str, Any] = {"recipe": recipe, "settings": settings, "seed": seed, "test": test}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _top(key: str) -> str:
    return key.partition(".")[0]


def can_go_on(job: Job) -> bool:
    """Return whether the job's folder holds an interrupted run with these settings and a checkpoint."""
    record = read_record(job.folder)
    return record is not None and (record.digest, record.status) == (job.digest, RUNNING) and job.checkpoint.is_file()


def clear_leftovers(jobs: list[Job]) -> None:
    """Remove failed runs, and runs that ended before their first checkpoint, from the jobs' folders."""
    for job in jobs:
        if job.folder.is_dir() and not job.goes_on:
            clear(job.folder)


def clear(folder: Path) -> None:
    """Remove the folder of a worthless run.

    Raises:
        DataError: The run ended well, or has checkpoints and has not failed.
    """
    if not _is_worthless(folder):
        raise DataError(
            f"{folder}: holds a run that is kept. Give the same command again: it makes another run next to it."
        )
    shutil.rmtree(folder)


def _folders(parent: Path, stem: str) -> Iterator[Path]:
    """Yield the folders of a variant's runs with a seed or fold, oldest first: ``seed_0``, ``seed_0_2``, …."""
    number = 1
    while (folder := parent / (stem if number == 1 else f"{stem}_{number}")).is_dir():
        yield folder
        number += 1


def _newest(parent: Path, stem: str, digest: str) -> tuple[Path, Record] | None:
    """Return the newest run with these settings that ended well or can continue."""
    found = None
    for folder in _folders(parent, stem):
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


def _new_folder(parent: Path, stem: str) -> Path:
    """Return the next free folder; one with only a failed run, or one that never started, is free too."""
    number = 1
    for folder in _folders(parent, stem):
        if _is_worthless(folder):
            return folder
        number += 1
    return parent / (stem if number == 1 else f"{stem}_{number}")


def _is_worthless(folder: Path) -> bool:
    """Return whether a run failed, or has neither ended well nor a checkpoint. In doubt it is worth keeping."""
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
    except OSError:  # unknown: assume so
        return True
