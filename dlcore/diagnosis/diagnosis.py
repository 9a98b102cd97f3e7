"""A run's diagnosis: faults with root causes first, or reasons why all is well."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.diagnosis.healthy_run import reasons, summary
from dlcore.diagnosis.rule import FEW_UPDATES, Finding, Rule, percent, short
from dlcore.diagnosis.rules import RULES
from dlcore.diagnosis.run_evidence import Evidence, read_evidence
from dlcore.errors import never_fatal
from dlcore.tracking.run_file import SAMPLES
from dlcore.translation import _, ngettext

_MOST_LINES = 5  # of the short form


@dataclass(frozen=True)
class Diagnosis:
    """Findings of a run.

    Args:
        folder: The run's folder.
        summary: Length and result of the training, a sentence.
        faults: Faults that are root causes, in order.
        consequences: Findings caused by a fault, each with the name of that fault.
        notes: Harmless findings.
        healthy: Reasons why the run is healthy, a clause each; empty if there is a fault.
        missing: What could not be checked, and how to change that, a sentence each.
        poor: Description of a poor result (``the result is poor``), even without a known reason; empty: not poor.
        failed: Errors of the diagnosis itself, a line each; the other rules still run.
    """

    folder: Path
    summary: str = ""
    faults: tuple[Finding, ...] = ()
    consequences: tuple[tuple[Finding, str], ...] = ()
    notes: tuple[Finding, ...] = ()
    healthy: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    poor: str = ""
    failed: tuple[str, ...] = ()

    @property
    def first(self) -> Finding | None:
        """The first fault; None if nothing is wrong."""
        return self.faults[0] if self.faults else None

    @property
    def verdict(self) -> str:
        """The first fault's name, or a statement that there is none."""
        if self.faults:
            return self.faults[0].title
        if self.poor:
            return _("nothing known is wrong, but {poor}").format(poor=self.poor)
        return _("nothing wrong was found")

    def lines(self) -> list[str]:
        """Return at most five short lines, for the end of a fit; see `blocks`."""
        return [line for block in self.blocks() for line in block]

    def blocks(self) -> list[list[str]]:
        """Return at most five short lines, grouped by finding: two faults, or reasons why all is well, and notes.

        Below them, add one line per error of the diagnosis.
        """
        if self.faults:
            blocks = [fault.lines() for fault in self.faults[:2]]
            titles = _(", ").join(dict.fromkeys(finding.title for finding, cause in self.consequences))
            said = _("consequences: {titles}").format(titles=titles)
            blocks += [[said]] if titles and len(self.faults) == 1 else []
        else:
            head, *more = self.healthy or ("",)
            said = _("{verdict}: {reason}").format(verdict=self.verdict, reason=head) if head else self.verdict
            blocks = [[said], *([clause] for clause in more)]
            blocks += [note.lines() for note in self.notes]
        chosen: list[list[str]] = []
        for block in blocks:
            chosen += [block] if sum(map(len, [*chosen, block])) <= _MOST_LINES else []
        return [*chosen, *([line] for line in self.failed)]

    def as_json(self) -> dict[str, Any]:
        """Return the diagnosis as plain values."""
        return {
            "run": str(self.folder),
            "summary": self.summary,
            "faults": [finding.as_json() for finding in self.faults],
            "consequences": [{**finding.as_json(), "follows_from": cause} for finding, cause in self.consequences],
            "notes": [finding.as_json() for finding in self.notes],
            "healthy": list(self.healthy),
            "missing": list(self.missing),
        }


def diagnose(folder: str | Path) -> Diagnosis:
    """Diagnose a run from the files in its folder.

    Args:
        folder: The run's folder, with metrics (dlcore's, Lightning's CSV logger's, or TensorBoard's events);
            config.yaml, layers.csv and events.jsonl are used if they exist.

    Raises:
        DataError: The folder holds no curves.
        ConfigError: Its config is not plain YAML.
    """
    run = read_evidence(Path(folder))
    said, poor, healthy = "", "", tuple[str, ...]()
    failed: list[str] = []
    with np.errstate(all="ignore"):  # comparisons with NaN are false, as intended
        faults, consequences, notes = weigh(run, [_guarded(rule, failed.append) for rule in RULES])
        with never_fatal("the summary", failed.append):
            said = summary(run)
        with never_fatal("the reasons", failed.append):
            poor = _after_few_updates(run, _poor(run))
            healthy = () if faults or poor else reasons(run)
    missing = (*_missing(run), *failed)
    return Diagnosis(run.folder, said, faults, consequences, notes, healthy, missing, poor, tuple(failed))


def _guarded(rule: Rule, tell: Callable[[str], object]) -> Rule:
    """Wrap a rule so that it finds nothing and reports the error if it fails."""

    def check(run: Evidence) -> Finding | None:
        with never_fatal(f"the rule {rule.name}", tell):
            return rule.check(run)
        return None

    return replace(rule, check=check)


def _poor(run: Evidence) -> str:
    """Describe a poor result; empty if the result is not poor."""
    if run.poor:
        return _("the result is poor")
    name, write = ("accuracy", percent) if run.is_classifier else ("r2", short)
    word = _("accuracy") if run.is_classifier else "R²"
    if run.below_linear:
        said = _("the best validation {metric}, {val}, is below {linear}, that of a linear model on the same samples")
        best = float(np.nanmax(run.values(f"val/{name}")))
        return said.format(metric=word, val=write(best), linear=write(run.linear))
    if not run.validation_is_poor:
        return ""
    train = run.last(f"train/{name}")
    said = _("validation is poor ({metric} {val})")
    if not math.isnan(train):
        said = _("validation is poor ({metric} {val}, training {train})")
    return said.format(metric=word, val=write(run.last(f"val/{name}")), train=write(train))


def _after_few_updates(run: Evidence, poor: str) -> str:
    """Add that a poor result comes from a short training."""
    if not poor or not 0 < run.updates < FEW_UPDATES:
        return poor
    said = ngettext("{poor}; {n} step is too few to judge by", "{poor}; {n} steps are too few to judge by", run.updates)
    return said.format(poor=poor, n=run.updates)


def weigh(
    run: Evidence, rules: Sequence[Rule]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, str], ...], tuple[Finding, ...]]:
    """Run all rules, and separate root causes from their consequences.

    A finding is a consequence if an earlier rule that found a fault explains it. Consequences of a consequence have the
    same root cause. A note explains nothing, but it may cancel a fault (`Rule.excuses`).

    Returns:
        Faults, consequences with the name of their cause, notes.
    """
    found = [(rule, finding) for rule in rules if (finding := rule.find(run)) is not None]
    excused = {name for rule, _ in found for name in rule.excuses}
    found = [(rule, finding) for rule, finding in found if rule.name not in excused]
    sick = [(rule, finding) for rule, finding in found if finding.kind == "fault"]
    faults: list[Finding] = []
    consequences: list[tuple[Finding, str]] = []
    causes: dict[str, str] = {}  # root cause of each fault, or the fault itself
    for place, (rule, finding) in enumerate(sick):
        cause = next((causes[other.name] for other, _ in sick[:place] if rule.name in other.explains), "")
        causes[rule.name] = cause or rule.name
        if not cause:
            faults.append(finding)
        elif not rule.is_cause:
            consequences.append((finding, cause))
    explained = {name for rule, _ in sick for name in rule.explains}
    notes = [finding for rule, finding in found if finding.kind == "note" and rule.name not in explained]
    return tuple(faults), tuple(consequences), tuple(notes)


def _missing(run: Evidence) -> tuple[str, ...]:
    found = []
    if not run.layers:
        on = "" if run.settings.is_on("parameter_distribution") else " (--parameter_distribution on)"
        found.append(
            _(
                "Without layers.csv inputs, weights, gradients and units could not be checked: train with the callback "
                "ParameterDistribution{on}."
            ).format(on=on)
        )
    if not run.samples and (run.folder / SAMPLES).exists():
        found.append(_("{file} cannot be read: what it says of the samples was not checked.").format(file=SAMPLES))
    if not run.settings.values:
        found.append(_("Without config.yaml the settings are not known: remedies are in words."))
    if "val/loss" not in run.curves:
        others = [name for name in run.curves if name.startswith("val/")]
        found.append(
            _("Without val/loss, validation is judged by {metrics} alone.").format(metrics=_(", ").join(others))
            if others
            else _("Without val/… the result on new samples is unknown.")
        )
    return tuple(found)
