"""``report.html``: a study in one self-contained file, with embedded pictures."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import dlcore
from dlcore.studies.findings_table import HEADS as FOUND
from dlcore.studies.findings_table import found_rows
from dlcore.studies.html_page import html_picture, html_table, page
from dlcore.studies.results import Results
from dlcore.studies.study import flag_text
from dlcore.studies.study_figures import Picture
from dlcore.studies.tables import Verdicts, measured, table, why_not
from dlcore.tracking.metric_names import GAP

RULE = (
    "A comparison is one of means over the seeds. The interval mean ± t·s/√n (95%, Student's t) is laid around the "
    "differences of the seeds: where all of it is on the claim's side, the comparison holds; where all of it is on the "
    "other side, it does not; else the seeds cannot tell. With one seed the difference itself decides."
)
QUICK = (
    "Quick: cut to fewer epochs and one seed, with all the data. A claim is judged by the same comparison as in the "
    "whole study, where the difference is at least 2 points (of a share) or 5% (of any other number); a smaller one "
    "may be chance. A claim that needs what was cut is not judged."
)


def report_html(results: Results, verdicts: Verdicts, pictures: Sequence[Picture]) -> str:
    """Return the report.

    Args:
        results: The results.
        verdicts: The claims and their verdicts.
        pictures: The pictures.
    """
    study = results.study
    parts = [f"<h1>{escape(study.heading)}</h1>", *study_parts(results, verdicts, pictures, "h2")]
    if verdicts:
        parts.append(f'<p class="quiet">{escape(RULE)}</p>')
    return page(study.heading, parts)


def study_parts(results: Results, verdicts: Verdicts, pictures: Sequence[Picture], heading: str) -> list[str]:
    """Return the HTML of a study below its title.

    Args:
        results: The results.
        verdicts: The claims and their verdicts.
        pictures: The pictures.
        heading: The tag of headings: ``h2``, ``h3``.
    """
    study = results.study

    def headed(text: str) -> str:
        return f"<{heading}>{escape(text)}</{heading}>"

    parts = [
        f'<p class="quiet">study {escape(study.name)}: {len(study.variants)} variants, seeds '
        f"{', '.join(map(str, study.seeds))}</p>"
    ]
    if study.cuts:
        parts.append(f'<p class="cut">{escape(study.cuts)}</p>')
    if study.about:
        whole = "Of the whole study: " * study.quick
        parts.append(f"<p>{escape(whole + study.about)}</p>")
    parts += _samples(results)
    if verdicts:
        parts.append(headed("Claims"))
        for claim, verdict in verdicts:
            book = f'<p class="quiet">Textbook: {escape(claim.textbook)}</p>' if claim.textbook else ""
            reason = f"<p>Why: {escape(why_not(claim, verdict))}</p>" if why_not(claim, verdict) else ""
            lines = "<br>".join(escape(line) for line in measured(verdict))
            parts.append(
                f'<div class="claim {verdict.name}"><p class="verdict">{verdict.name}</p>'
                f'<p class="says">{escape(claim.says)}</p>{book}{reason}<p class="quiet">{lines}</p></div>'
            )
    for picture in pictures:
        parts.append(headed(picture.heading))
        if picture.path is None:
            parts.append(f'<p class="quiet">{escape(picture.text)}</p>')
        else:
            parts.append(html_picture(picture.path.read_bytes(), picture.text))
    parts += [headed("Results"), html_table(*table(results), numbers=True)]
    parts.append(f'<p class="quiet">{escape(GAP[:1].upper() + GAP[1:])}.</p>')
    if len(study.seeds) > 1:
        parts.append('<p class="quiet">Mean ± standard deviation over the seeds.</p>')
    parts += _failures(results)
    if found := found_rows(results):
        parts += [headed("What was found in each"), html_table(FOUND, found)]
    parts += [headed("What differs"), html_table(*_differences(results))]
    return [*parts, headed("How"), *_fine_print(results)]


def _differences(results: Results) -> tuple[list[str], list[list[str]]]:
    """Return the settings that differ between variants, as heads and rows."""
    variants = results.study.variants
    recipes = len({variant.recipe for variant in variants}) > 1
    names = list(dict.fromkeys(name for variant in variants for name in variant.settings))
    differ = [name for name in names if len({_cell(variant.settings, name) for variant in variants}) > 1]
    rows = [
        [variant.name, *([variant.recipe] if recipes else []), *(_cell(variant.settings, name) for name in differ)]
        for variant in variants
    ]
    return ["variant", *(["recipe"] if recipes else []), *differ], rows


def _cell(settings: Mapping[str, Any], name: str) -> str:
    return flag_text(settings[name]) if name in settings else "as in the recipe"


def _samples(results: Results) -> list[str]:
    if not any(run.record.is_sample for run in results.runs):
        return []
    text = "Trained on a small built-in sample instead of the real data: the numbers mean nothing for the real data."
    return [f'<div class="claim failed"><p class="verdict">BUILT-IN SAMPLE</p><p>{text}</p></div>']


def _failures(results: Results) -> list[str]:
    if not results.failures:
        return []
    items = "".join(f"<li>{escape(name)}, seed {seed}: {escape(error)}</li>" for name, seed, error in results.failures)
    return [f'<div class="claim failed"><p class="verdict">FAILED</p><ul>{items}</ul></div>']


def _fine_print(results: Results) -> list[str]:
    study = results.study
    common = [
        name
        for name in dict.fromkeys(name for variant in study.variants for name in variant.settings)
        if len({_cell(variant.settings, name) for variant in study.variants}) == 1
    ]
    lines = [f"Base: {', '.join(dict.fromkeys(variant.recipe for variant in study.variants))}."]
    if common:
        settings = ", ".join(f"{name} {_cell(study.variants[0].settings, name)}" for name in common)
        lines.append(f"All variants: {settings}.")
    sources = sorted({run.record.source for run in results.runs} - {""})
    devices = sorted({run.record.device for run in results.runs} - {""})
    if sources:
        lines.append(f"Data: {'; '.join(sources)}.")
    lines.append(f"dlcore {dlcore.__version__}, {', '.join(devices) or 'no run'}, Python {platform.python_version()}.")
    if study.quick:
        lines.append(QUICK)
    return [f'<p class="quiet">{escape(line)}</p>' for line in lines]
