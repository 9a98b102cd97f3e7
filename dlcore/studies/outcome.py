"""Turn results into verdicts, pictures, tables as files, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcore.studies.combined_report import combined_html
from dlcore.studies.results import Results
from dlcore.studies.study import Claim
from dlcore.studies.study_figures import Picture, draw_pictures
from dlcore.studies.study_report import report_html
from dlcore.studies.tables import write_csv, write_json_results
from dlcore.studies.verdict import SKIPPED, Verdict, judge
from dlcore.tracking.run_file import replace_file

REPORT, RESULTS, TABLE = "report.html", "results.json", "results.csv"
COMBINED, COMBINED_QUICK = "studies.html", "studies_quick.html"


@dataclass(frozen=True)
class Outcome:
    """A study that has been run.

    Args:
        results: Results of its runs.
        verdicts: Its claims, in order, with their verdicts.
        folder: Where its files are: pictures, ``report.html``, ``results.json`` and ``results.csv``.
        pictures: Its pictures.
    """

    results: Results
    verdicts: tuple[tuple[Claim, Verdict], ...]
    folder: Path
    pictures: tuple[Picture, ...] = ()


def conclude(results: Results, folder: Path) -> Outcome:
    """Judge the claims and write the study's files from the results so far."""
    verdicts = tuple((claim, _verdict(claim, results)) for claim in results.study.claims)
    write_json_results(results, verdicts, folder / RESULTS)
    write_csv(results, folder / TABLE)
    pictures = draw_pictures(results, folder)
    replace_file(folder / REPORT, report_html(results, verdicts, pictures).encode())
    return Outcome(results, verdicts, folder, pictures)


def write_combined(outcomes: Sequence[Outcome], runs: Path) -> Path:
    """Write the report of several studies into the folder of all runs, and return its path."""
    quick = any(outcome.results.study.quick for outcome in outcomes)
    path = runs / (COMBINED_QUICK if quick else COMBINED)
    content = combined_html([(each.results, each.verdicts, each.pictures) for each in outcomes], quick)
    replace_file(path, content.encode())
    return path


def _verdict(claim: Claim, results: Results) -> Verdict:
    if results.study.quick and claim.full_only:
        return Verdict(SKIPPED, (), f"left out of a quick study: {claim.full_only}")
    return judge(claim.holds, results.measure, results.study.quick)
