"""A run's diagnosis: what its record says went wrong or well, root causes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcore.diagnosis.evidence import Evidence, read_evidence
from dlcore.diagnosis.finding import Finding
from dlcore.diagnosis.healthy import reasons
from dlcore.diagnosis.rule import Rule
from dlcore.diagnosis.rules import RULES

_MOST_LINES = 5  # of the short form


@dataclass(frozen=True)
class Diagnosis:
    """What was found in a run.

    Args:
        folder: The run's folder.
        faults: What the run suffers from, root causes first.
        consequences: What follows from a fault, and the name of the fault that it follows from.
        notes: What is worth knowing and does no harm.
        healthy: What speaks for the run, a clause each; empty where there is a fault.
        missing: What could not be looked at, and how to change that, a sentence each.
    """

    folder: Path
    faults: tuple[Finding, ...] = ()
    consequences: tuple[tuple[Finding, str], ...] = ()
    notes: tuple[Finding, ...] = ()
    healthy: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def first(self) -> Finding | None:
        """The finding to begin with: the first fault; None where nothing is wrong."""
        return self.faults[0] if self.faults else None

    def lines(self) -> list[str]:
        """At most five short lines, for the end of a fit: two faults, or why all is well and what is worth knowing."""
        if not self.faults:
            lines = [f"nothing wrong: {'; '.join(self.healthy)}" if self.healthy else "nothing wrong was found"]
            lines += [line for note in self.notes for line in note.lines()]
        else:
            lines = [line for fault in self.faults[:2] for line in fault.lines()]
            if self.consequences and len(self.faults) == 1:
                titles = ", ".join(dict.fromkeys(finding.title for finding, _ in self.consequences))
                lines.append(f"from it follow: {titles}")
        return lines[:_MOST_LINES]

    def as_json(self) -> dict[str, Any]:
        """The diagnosis as plain values."""
        return {
            "run": str(self.folder),
            "faults": [finding.as_json() for finding in self.faults],
            "consequences": [{**finding.as_json(), "follows_from": cause} for finding, cause in self.consequences],
            "notes": [finding.as_json() for finding in self.notes],
            "healthy": list(self.healthy),
            "missing": list(self.missing),
        }


def diagnose(folder: str | Path) -> Diagnosis:
    """Say why a run went well or badly, from what lies in its folder.

    Args:
        folder: The run's folder, with metrics (of dlcore, of Lightning's CSV logger, or TensorBoard's events); what it
            has of config.yaml, layers.csv and events.jsonl is used too.

    Raises:
        DataError: The folder holds no curves.
        ConfigError: Its config is not plain YAML.
    """
    run = read_evidence(Path(folder))
    faults, consequences, notes = weigh(run, RULES)
    healthy = () if faults else reasons(run)
    return Diagnosis(run.folder, faults, consequences, notes, healthy, _missing(run))


def weigh(
    run: Evidence, rules: Sequence[Rule]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, str], ...], tuple[Finding, ...]]:
    """Ask all rules, and tell root causes from what follows from them.

    A finding is a consequence where a rule above it that found a fault explains it; notes explain other notes only,
    and what is explained away as a mere note is left out.

    Returns:
        Faults, consequences with the name of their cause, notes.
    """
    found = [(rule, finding) for rule in rules if (finding := rule.look(run)) is not None]
    faults: list[Finding] = []
    consequences: list[tuple[Finding, str]] = []
    notes: list[Finding] = []
    for place, (rule, finding) in enumerate(found):
        before = found[:place]
        cause = next((other for other, its in before if rule.name in other.explains and its.kind == "fault"), None)
        harmless = any(rule.name in other.explains and its.kind == "note" for other, its in before)
        if cause is not None:
            consequences += [(finding, cause.name)] if finding.kind == "fault" and not rule.is_cause else []
        elif finding.kind == "fault" and not (harmless and rule.name in _NOT_COMPARED):
            faults.append(finding)
        elif not harmless:
            notes.append(finding)
    return tuple(faults), tuple(consequences), tuple(notes)


# Faults told by validation, which a note can take back: an average that trails behind is no poor network.
_NOT_COMPARED = ("no_learning", "overfitting", "underfitting")


def _missing(run: Evidence) -> tuple[str, ...]:
    found = []
    if run.layers is None:
        on = "" if run.settings.is_on("parameter_distribution") else " (--parameter_distribution on)"
        found.append(
            "Without layers.csv inputs, weights, gradients and units could not be looked at: train with the callback "
            f"ParameterDistribution{on}."
        )
    if not run.settings.values:
        found.append("Without config.yaml the settings are not known: remedies are in words.")
    if "val/loss" not in run.curves:
        found.append("Without val/loss nothing can be said of how the run does on samples that it was not trained on.")
    return tuple(found)
