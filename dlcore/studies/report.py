"""``report.html``: one file that shows a study, with its picture inside; it loads nothing from anywhere."""

from __future__ import annotations

import base64
import platform
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import dlcore
from dlcore.studies.results import Results
from dlcore.studies.study import flag_text
from dlcore.studies.tables import Verdicts, measured, table

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; color: #222; background: #fff; margin: 0 auto; max-width: 74rem;
  padding: 2.5rem 1.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .7rem; }
p { max-width: 46rem; } .quiet { color: #666; } code { background: #f4f4f4; padding: .1em .35em; border-radius: 4px; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .45rem 1rem .45rem 0; border-bottom: 1px solid #e4e4e4; vertical-align: top; }
th { font-weight: 600; color: #555; font-size: .87rem; } td.number { white-space: nowrap; }
.claim { border-left: 5px solid #999; padding: .15rem 0 .15rem 1.1rem; margin: 1.1rem 0; }
.claim p { margin: .25rem 0; } .claim .says { font-size: 1.1rem; }
.verdict { font-weight: 700; letter-spacing: .04em; font-size: .87rem; }
.CONFIRMED { border-color: #009e73; } .CONFIRMED .verdict { color: #00785a; }
.CONTRADICTED { border-color: #d55e00; } .CONTRADICTED .verdict { color: #b34d00; }
.INCONCLUSIVE { border-color: #e69f00; } .INCONCLUSIVE .verdict { color: #8a6000; }
.failed { border-color: #d55e00; }
@media print { body { padding: 0; } }
"""
_RULE = (
    "A comparison is one of means over the seeds. The interval mean ± t·s/√n (95%, Student's t) is laid around the "
    "differences of the seeds: where all of it is on the claim's side, the comparison holds; where all of it is on the "
    "other side, it does not; else the seeds cannot tell. With one seed the difference itself decides."
)


def report_html(results: Results, verdicts: Verdicts, picture: bytes, no_picture: str = "") -> str:
    """The report.

    Args:
        results: What came out.
        verdicts: The claims and what became of them.
        picture: The curves, a PNG file's content; empty without one.
        no_picture: Why there is none.
    """
    study = results.study
    heads, rows = table(results)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(study.title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(study.title)}</h1>",
        f'<p class="quiet">study {escape(study.name)}: {len(study.variants)} variants, seeds '
        f"{', '.join(map(str, study.seeds))}</p>",
    ]
    if study.about:
        parts.append(f"<p>{escape(study.about)}</p>")
    parts += _samples(results)
    if verdicts:
        parts.append("<h2>Claims</h2>")
        for claim, verdict in verdicts:
            book = f'<p class="quiet">Textbook: {escape(claim.textbook)}</p>' if claim.textbook else ""
            lines = "<br>".join(escape(line) for line in measured(verdict))
            parts.append(
                f'<div class="claim {verdict.name}"><p class="verdict">{verdict.name}</p>'
                f'<p class="says">{escape(claim.says)}</p>{book}<p class="quiet">{lines}</p></div>'
            )
    if picture:
        data = base64.b64encode(picture).decode()
        text = f"Curves of all variants: {', '.join(study.plot)}"
        parts.append(f'<h2>Curves</h2><img alt="{escape(text)}" src="data:image/png;base64,{data}">')
    elif no_picture:
        parts.append(f'<h2>Curves</h2><p class="quiet">{escape(no_picture)}</p>')
    parts += ["<h2>Results</h2>", _table(heads, rows, numbers=True)]
    if len(study.seeds) > 1:
        parts.append('<p class="quiet">Mean ± standard deviation over the seeds.</p>')
    parts += _failures(results)
    parts += ["<h2>What differs</h2>", _table(*_differences(results))]
    parts += _fine_print(results, bool(verdicts))
    return "\n".join([*parts, "</body></html>", ""])


def _differences(results: Results) -> tuple[list[str], list[list[str]]]:
    """The settings that are not the same in all variants."""
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


def _fine_print(results: Results, judged: bool) -> list[str]:
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
    if judged:
        lines.append(_RULE)
    return ["<h2>How</h2>", *(f'<p class="quiet">{escape(line)}</p>' for line in lines)]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    kind = ' class="number"' if numbers else ""
    body = "".join(
        "<tr>" + "".join(f"<td{kind if place else ''}>{escape(text)}</td>" for place, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
