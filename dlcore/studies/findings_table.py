"""Findings of the diagnosis in a study's runs, one line per variant."""

from __future__ import annotations

from dlcore.diagnosis import diagnose
from dlcore.errors import DlcoreError
from dlcore.studies.results import Results

HEADS = ["variant", "what was found", "to try"]


def found_rows(results: Results) -> list[list[str]]:
    """Return a row for each variant, of its first seed's run: name, finding (or why there is none), flags to try."""
    rows: dict[str, list[str]] = {}
    for run in results.runs:
        name = run.record.variant
        if name in rows:
            continue
        try:
            diagnosis = diagnose(run.folder)
        except (DlcoreError, OSError) as error:
            rows[name] = [name, f"cannot be looked at: {error}", ""]
            continue
        first = diagnosis.first
        if first is None:
            rows[name] = [name, ": ".join([diagnosis.verdict, *diagnosis.healthy[:1]]), ""]
        else:
            rows[name] = [name, first.lines()[0], first.remedy]
    return list(rows.values())
