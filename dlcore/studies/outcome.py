"""Turn results into verdicts, pictures, tables as files, and reports: self-contained HTML files, from a template."""

from __future__ import annotations

import base64
import functools
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

import dlcore
from dlcore.diagnosis import diagnose
from dlcore.errors import DlcoreError
from dlcore.studies.folds import fold_lines, overlap, write_out_of_fold
from dlcore.studies.results import Results
from dlcore.studies.study import Claim, Study, flag_text, run_label
from dlcore.studies.study_figures import Picture, draw_pictures
from dlcore.studies.tables import (
    Verdicts,
    claim_values,
    measured,
    table,
    why_not,
    write_csv,
    write_json_results,
)  # fmt: skip
from dlcore.studies.verdict import NAMES, SKIPPED, Verdict, judge
from dlcore.tracking.metric_names import GAP
from dlcore.tracking.run_file import replace_file
from dlcore.translation import N_, _, language, ngettext

REPORT, RESULTS, TABLE = "report.html", "results.json", "results.csv"
COMBINED, COMBINED_QUICK = "studies.html", "studies_quick.html"
_RULE = N_(
    "A comparison is one of means over the seeds. The interval mean ± t·s/√n (95%, Student's t) is laid around the "
    "differences of the seeds: where all of it is on the claim's side, the comparison holds; where all of it is on the "
    "other side, it does not; else it is undecided. With one seed the difference itself decides."
)
_QUICK = N_(
    "Quick: cut to fewer epochs and one seed, with all the data. A claim is judged by the same comparison as in the "
    "whole study, where the difference is at least 2 points (of a share) or 5% (of any other number); a smaller one "
    "may be chance. A claim that needs what was cut is not judged."
)


@dataclass(frozen=True)
class Outcome:
    """A study that has been run.

    Args:
        results: Results of its runs.
        verdicts: Its claims, in order, with their verdicts.
        folder: Where its files are: pictures, ``report.html``, ``results.json`` and ``results.csv``.
        pictures: Its pictures.
        out_of_fold: The files of out-of-fold predictions, one a variant.
    """

    results: Results
    verdicts: tuple[tuple[Claim, Verdict], ...]
    folder: Path
    pictures: tuple[Picture, ...] = ()
    out_of_fold: tuple[Path, ...] = ()


def conclude(results: Results, folder: Path) -> Outcome:
    """Judge the claims and write the study's files from the results so far."""
    study = results.study
    verdicts = tuple((claim, _verdict(claim, results)) for claim in study.claims)
    write_json_results(results, verdicts, folder / RESULTS)
    write_csv(results, folder / TABLE)
    out_of_fold = tuple(write_out_of_fold(results, folder))
    outcome = Outcome(results, verdicts, folder, draw_pictures(results, folder), out_of_fold)
    replace_file(folder / REPORT, _html([outcome], title=study.heading, rule=_(_RULE) if verdicts else ""))
    return outcome


def write_combined(outcomes: Sequence[Outcome], runs: Path) -> Path:
    """Write the report of several studies into the folder of all runs, and return its path."""
    quick = any(outcome.results.study.quick for outcome in outcomes)
    path = runs / (COMBINED_QUICK if quick else COMBINED)
    title = _("{title} (quick)").format(title=_("All studies")) if quick else _("All studies")
    count = counted([outcome.verdicts for outcome in outcomes])
    replace_file(
        path, _html(outcomes, title=title, rule=_(_RULE), combined=True, quick=_(_QUICK) if quick else "", count=count)
    )
    return path


def counted(all_verdicts: Sequence[Verdicts]) -> str:
    """Return how many claims have each verdict, in words: ``25 claims: 24 confirmed, 1 inconclusive``."""
    number = sum(map(len, all_verdicts))
    claims = ngettext("{n} claim", "{n} claims", number).format(n=number)
    words = verdict_words([each for verdicts in all_verdicts for each in verdicts])
    return _(": ").join([claims, words] if words else [claims])


def verdict_words(verdicts: Verdicts) -> str:
    """Return how many claims have each verdict: ``2 confirmed, 1 skipped``."""
    count = Counter(verdict.name for claim, verdict in verdicts)
    return _(", ").join(_(said).format(n=count[name]) for name, said in NAMES.items() if count[name])


def _verdict(claim: Claim, results: Results) -> Verdict:
    if results.study.quick and claim.full_only:
        return Verdict(SKIPPED, (), _("left out of a quick study: {why}").format(why=_(claim.full_only)))
    return judge(claim.holds, results.measure, results.study.quick, overlap(results.study))


def _html(outcomes: Sequence[Outcome], **context: Any) -> bytes:
    studies = [(each.results, each.verdicts, each.pictures) for each in outcomes]
    html_lang = {"en": "en", "zh": "zh-CN"}[language()]
    return _template().render(studies=studies, html_lang=html_lang, **context).strip().encode() + b"\n"


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dlcore.studies"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["base64"] = lambda path: base64.b64encode(path.read_bytes()).decode()
    functions = (claim_values, measured, why_not, found_rows, differences, fine_print, fold_lines, run_label)
    environment.globals |= {function.__name__: function for function in functions}
    environment.globals |= {"_": _, "results_table": table, "GAP": GAP}
    return environment.get_template("report.html.j2")


def found_rows(results: Results) -> list[list[str]]:
    """Return what the diagnosis found in each variant's first run: name, finding (or why there is none), remedy."""
    rows: dict[str, list[str]] = {}
    for run in results.runs:
        name = run.record.variant
        if name in rows:
            continue
        try:
            diagnosis = diagnose(run.folder)
        except (DlcoreError, OSError) as error:
            rows[name] = [name, _("cannot be diagnosed: {error}").format(error=error), ""]
            continue
        first = diagnosis.first
        healthy = _(": ").join([diagnosis.verdict, *diagnosis.healthy[:1]])
        rows[name] = [name, first.lines()[0], first.remedy] if first else [name, healthy, ""]
    return list(rows.values())


def _settings(study: Study) -> dict[str, list[str]]:
    """Return the settings that any variant has, each with its text in all variants."""
    names = dict.fromkeys(name for variant in study.variants for name in variant.settings)
    return {
        name: [
            flag_text(each.settings[name]) if name in each.settings else _("as in the recipe")
            for each in study.variants
        ]
        for name in names
    }


def differences(study: Study) -> tuple[list[str], list[list[str]]]:
    """Return the settings that differ between variants, as heads and rows."""
    columns = {_("variant"): [variant.name for variant in study.variants]}
    settings = {_("recipe"): [variant.recipe for variant in study.variants], **_settings(study)}
    columns |= {name: texts for name, texts in settings.items() if len(set(texts)) > 1}
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def fine_print(results: Results) -> list[str]:
    """Return recipes, common settings, data, versions and machines, a sentence each."""
    study, records = results.study, [run.record for run in results.runs]
    common = [f"{name} {texts[0]}" for name, texts in _settings(study).items() if len(set(texts)) == 1]
    sources, devices = (sorted({getattr(each, key) for each in records} - {""}) for key in ("source", "device"))
    recipes = _(", ").join(dict.fromkeys(variant.recipe for variant in study.variants))
    lines = [_("Base: {recipes}.").format(recipes=recipes)]
    lines += [_("All variants: {settings}.").format(settings=_(", ").join(common))] if common else []
    lines += [_("Data: {sources}.").format(sources=_("; ").join(sources))] if sources else []
    versions = _("dlcore {version}, {devices}, Python {python}.")
    where = _(", ").join(devices) or _("no run")
    lines.append(versions.format(version=dlcore.__version__, devices=where, python=platform.python_version()))
    return [*lines, _(_QUICK)] if study.quick else lines
