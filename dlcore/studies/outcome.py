"""From runs to what a reader gets: verdicts, a picture, tables as files, a report. And the study from its beginning."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from dlcore import cache
from dlcore.errors import ArgumentError, ConfigError, FitError
from dlcore.studies import pool
from dlcore.studies.plan import Job, Plan, clear_leftovers, make_plan
from dlcore.studies.record import DONE, FAILED, Record
from dlcore.studies.report import report_html
from dlcore.studies.results import Results, read_results
from dlcore.studies.study import Claim, Study
from dlcore.studies.tables import write_csv, write_json_results
from dlcore.studies.verdict import Verdict, judge
from dlcore.studies.worker import inspect, train
from dlcore.tracking.figures.overlaid_curves import Family, overlaid_curves
from dlcore.tracking.figures.png_file import write_png

CURVES, REPORT, RESULTS, TABLE = "curves.png", "report.html", "results.json", "results.csv"


@dataclass(frozen=True)
class Outcome:
    """A study that has been carried out.

    Args:
        results: What came out of its runs.
        verdicts: Its claims, in order, and what became of them.
        folder: Where its files are: ``curves.png``, ``report.html``, ``results.json`` and ``results.csv``.
        no_picture: Why there is no ``curves.png``; empty where there is one.
    """

    results: Results
    verdicts: tuple[tuple[Claim, Verdict], ...]
    folder: Path
    no_picture: str = ""


def run_study(
    study: Study,
    runs: Path = Path("lightning_logs"),
    at_once: int | None = None,
    redo: bool = False,
    began: Callable[[Plan, int], None] | None = None,
    ended: Callable[[Record], None] | None = None,
) -> Outcome:
    """Carry out what is left of a study, and judge it.

    Args:
        study: The study.
        runs: Folder of all runs.
        at_once: Runs at a time; None: as many as there are GPUs, without any as there are cores.
        redo: Do everything again.
        began: Called with the plan and the number of runs at a time, before the first one.
        ended: Called with the record of each run that has ended.

    Raises:
        DlcoreError: The study cannot be carried out. A run that fails does not raise: it is among the failures.
    """
    with locked(runs / study.folder):
        plan = make_plan(study, runs, redo)
        together, threads = pool.share_out(len(plan.jobs), at_once)
        if began is not None:
            began(plan, together)
        clear_leftovers(plan.jobs)
        refused = check_jobs(plan.jobs, together, threads)
        jobs = [job for job in plan.jobs if job.variant not in refused]
        if plan.jobs and not jobs and not plan.done:
            name, error = next(iter(refused.items()))
            raise ConfigError(f"No variant can be trained. {name}: {error}")
        done = dict(plan.done)
        failures = [(job.variant, job.seed, refused[job.variant]) for job in plan.jobs if job.variant in refused]
        for variant, seed, error in failures:
            if ended is not None:
                ended(Record(variant, seed, "", FAILED, error))
        folders = {(job.variant, job.seed): job.folder for job in plan.jobs}
        for record in pool.train_all(train, jobs, together, threads):
            if record.status == DONE:
                done[record.variant, record.seed] = folders[record.variant, record.seed], record
            elif record.status == FAILED:
                failures.append((record.variant, record.seed, record.error))
            if ended is not None:
                ended(record)
        return conclude(read_results(study, done, failures), plan.root)


def check_jobs(jobs: Sequence[Job], at_once: int, threads: int) -> dict[str, str]:
    """Make what each variant would train with, before the first one begins: a mistake shows now, not in an hour.

    Returns:
        The variants that cannot be trained, and why.

    Raises:
        FitError: A process died over it.
    """
    firsts = list({job.variant: job for job in reversed(jobs)}.values())
    try:
        found = list(pool.run_jobs(inspect, firsts, at_once, threads)) if firsts else []
    except BrokenProcessPool as error:
        raise FitError(
            "A process died while the settings were checked (killed by the system, for want of memory?). Nothing has "
            "been trained. Do fewer runs at a time: --jobs 1"
        ) from error
    return {each["variant"]: each["error"] for each in found if "error" in each}


def conclude(results: Results, folder: Path) -> Outcome:
    """Judge the claims and write the study's files, as far as there are results."""
    verdicts = tuple((claim, judge(claim.holds, results.measure)) for claim in results.study.claims)
    write_json_results(results, verdicts, folder / RESULTS)
    write_csv(results, folder / TABLE)
    no_picture = _draw(results, folder / CURVES)
    picture = b"" if no_picture else (folder / CURVES).read_bytes()
    (folder / REPORT).write_text(report_html(results, verdicts, picture, no_picture), encoding="utf-8")
    return Outcome(results, verdicts, folder, no_picture)


def _draw(results: Results, path: Path) -> str:
    """Draw the curves; where there are none, remove an older picture and say why."""
    study = results.study
    why = "no run has ended well"
    if results.runs:
        # What is compared is drawn, also where the study names what is drawn for pictures and has a text.
        wanted = dict.fromkeys((*study.plot, *(() if "accuracy" not in study.plot else (results.score,))))
        quantities = [name for name in wanted if _is_there(results, name)] or ["loss", results.score]
        try:
            write_png(overlaid_curves(families(results), quantities, study.x, study.title, _note(results)), path)
        except ArgumentError:
            asked = ", ".join(dict.fromkeys((*study.plot, *quantities)))
            why = f"no run has logged train/X or val/X for an X of {asked}"
        else:
            return ""
    path.unlink(missing_ok=True)  # of an earlier time
    return f"No curves are drawn: {why}."


def families(results: Results) -> list[Family]:
    """The curves of each variant that has any, for the picture."""
    found = []
    for variant in results.study.variants:
        runs = results.of(variant.name)
        names = {name for run in runs for name in run.curves}
        curves = {
            name: [(run.curves[name].x(results.study.x), run.curves[name].values) for run in runs if name in run.curves]
            for name in names
        }
        if curves:
            found.append(Family(variant.name, curves))
    return found


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a second process from the same study.

    Raises:
        ConfigError: One is at work on it.
    """
    path = folder / ".lock"
    with cache.locked(path, wait=False) as turn:
        if not turn:
            who = path.read_text(encoding="utf-8").strip()
            raise ConfigError(
                f"{folder}: another process{f' ({who})' * bool(who)} is at work on this study. Wait for it, or end it."
            )
        path.write_text(str(os.getpid()), encoding="utf-8")
        yield


def _note(results: Results) -> str:
    seeds: Sequence[int] = results.study.seeds
    source = next((run.record.source for run in results.runs if run.record.source), "")
    words = [f"mean of {len(seeds)} seeds, band from the lowest to the highest" if len(seeds) > 1 else "one seed"]
    if source:
        words.append(source)
    return "; ".join(words)


def _is_there(results: Results, quantity: str) -> bool:
    return any(f"{kind}/{quantity}" in run.curves for run in results.runs for kind in ("train", "val"))
