"""``studies.html``: several studies in one file; a table of all their claims, then each study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from dlcore.studies.html_page import framed_table, page
from dlcore.studies.results import Results
from dlcore.studies.study_figures import Picture
from dlcore.studies.study_report import QUICK, RULE, study_parts
from dlcore.studies.tables import Verdicts, claim_values, why_not
from dlcore.studies.verdict import NAMES

Part = tuple[Results, Verdicts, Sequence[Picture]]
_HEADS = ("study", "claim", "verdict", "measured", "textbook")


def combined_html(studies: Sequence[Part], quick: bool) -> str:
    """Return the report of several studies.

    Args:
        studies: Results, verdicts and pictures of each.
        quick: Whether they are quick versions.
    """
    title = f"All studies{' (quick)' * quick}"
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="quiet">{len(studies)} studies, {escape(counted([verdicts for _, verdicts, _ in studies]))}</p>',
    ]
    if quick:
        parts.append(f"<p>{escape(QUICK)}</p>")
    parts.append(framed_table(_HEADS, "".join(row for each in studies for row in _rows(*each[:2]))))
    for results, verdicts, pictures in studies:
        study = results.study
        parts.append(f'<h2 class="study" id="{escape(study.folder)}">{escape(study.heading)}</h2>')
        parts += study_parts(results, verdicts, pictures, "h3")
    return page(title, [*parts, f'<p class="quiet">{escape(RULE)}</p>'])


def counted(all_verdicts: Sequence[Verdicts]) -> str:
    """Return how many claims have each verdict, in words: ``25 claims: 24 confirmed, 1 inconclusive``."""
    count = Counter(verdict.name for verdicts in all_verdicts for _, verdict in verdicts)
    number = sum(count.values())
    words = ", ".join(f"{count[name]} {name.lower()}" for name in NAMES if count[name])
    return f"{number} claim{'s' * (number != 1)}{': ' * bool(words)}{words}"


def _rows(results: Results, verdicts: Verdicts) -> Iterator[str]:
    study = results.study
    link = f'<a href="#{escape(study.folder)}">{escape(study.name)}</a>'
    failed = f'<br><span class="quiet">{len(results.failures)} failed</span>' * bool(results.failures)
    if not verdicts:
        yield f'<tr class="first"><td>{link}{failed}</td><td colspan="4" class="quiet">no claims</td></tr>'
    for place, (claim, verdict) in enumerate(verdicts):
        values = verdict.why or claim_values(results, claim)
        reason = f"<br>{escape(why_not(claim, verdict))}" if why_not(claim, verdict) else ""
        yield (
            f'<tr class="{"first " * (not place)}{verdict.name}"><td>{(link + failed) * (not place)}</td>'
            f'<td>{escape(claim.says)}</td><td class="verdict">{verdict.name}</td><td>{escape(values)}{reason}</td>'
            f"<td>{escape(claim.textbook)}</td></tr>"
        )
