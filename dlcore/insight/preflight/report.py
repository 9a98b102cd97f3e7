"""What checks say: findings with a verdict, what was seen, what was expected, and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum


class Verdict(IntEnum):
    """How bad a finding is, in rising order."""

    NOT_APPLICABLE = 0
    OK = 1
    WARNING = 2
    FAILED = 3

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return {0: "", 1: "ok", 2: "warning", 3: "failed"}[self]


@dataclass(frozen=True)
class Finding:
    """One thing that a check saw.

    Attributes:
        verdict: How bad it is.
        seen: What was seen, with its numbers and what they mean.
        expected: What should have been seen; empty where the numbers speak for themselves.
        remedies: What to do, the likeliest first, a flag each with what it does: ``--data.scale 255: pixels 0 to 1``.
    """

    verdict: Verdict
    seen: str
    expected: str = ""
    remedies: tuple[str, ...] = ()


@dataclass
class CheckResult:
    """What one check found.

    Attributes:
        name: The check.
        findings: What it saw.
        numbers: What it measured, by name.
    """

    name: str
    findings: list[Finding] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return max((finding.verdict for finding in self.findings), default=Verdict.NOT_APPLICABLE)

    def ok(self, seen: str, expected: str = "") -> CheckResult:
        """Note that something is as it should be."""
        return self._note(Verdict.OK, seen, expected)

    def skip(self, why: str) -> CheckResult:
        """Note that there is nothing to check."""
        return self._note(Verdict.NOT_APPLICABLE, why)

    def warn(self, seen: str, *remedies: str, expected: str = "") -> CheckResult:
        """Note what may go badly."""
        return self._note(Verdict.WARNING, seen, expected, remedies)

    def fail(self, seen: str, *remedies: str, expected: str = "") -> CheckResult:
        """Note what will go badly."""
        return self._note(Verdict.FAILED, seen, expected, remedies)

    def _note(self, verdict: Verdict, seen: str, expected: str = "", remedies: tuple[str, ...] = ()) -> CheckResult:
        self.findings.append(Finding(verdict, seen, expected, tuple(remedy for remedy in remedies if remedy)))
        return self


@dataclass(frozen=True)
class PreflightReport:
    """What all checks of a recipe found.

    Attributes:
        results: One result a check, in their order.
    """

    results: list[CheckResult]

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return [result.name for result in self.results if result.verdict is Verdict.FAILED]

    @property
    def warnings(self) -> list[str]:
        """Names of the checks that warn."""
        return [result.name for result in self.results if result.verdict is Verdict.WARNING]

    @property
    def ready(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    def __getitem__(self, name: str) -> CheckResult:
        return next(result for result in self.results if result.name == name)

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)
