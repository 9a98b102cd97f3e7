"""Results of checks: findings with verdict, observation, expectation and remedies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from dlcore.translation import _


class Verdict(IntEnum):
    """Severity of a finding, in rising order."""

    NOT_APPLICABLE = 0
    OK = 1
    WARNING = 2
    FAILED = 3

    @property
    def word(self) -> str:
        """The verdict as a word."""
        return {0: "", 1: "ok", 2: "warning", 3: "failed"}[self]


@dataclass(frozen=True)
class Finding:
    """One finding of a check.

    Attributes:
        verdict: Its severity.
        seen: The observation, with its numbers and their meaning.
        expected: The expectation; empty if the numbers are clear without it.
        remedies: Flags with their effects, the likeliest first: ``--data.scale 255: pixels 0 to 1``.
    """

    verdict: Verdict
    seen: str
    expected: str = ""
    remedies: tuple[str, ...] = ()


@dataclass
class CheckResult:
    """The result of one check.

    Attributes:
        name: The check.
        findings: Its findings.
        numbers: Its measurements, by name.
    """

    name: str
    findings: list[Finding] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the findings."""
        return max((finding.verdict for finding in self.findings), default=Verdict.NOT_APPLICABLE)

    def ok(self, seen: str, expected: str = "") -> CheckResult:
        """Add a finding that something is in order."""
        return self._note(Verdict.OK, seen, expected)

    def skip(self, why: str) -> CheckResult:
        """Add the reason why there is nothing to check."""
        return self._note(Verdict.NOT_APPLICABLE, why)

    def warn(self, seen: str, *remedies: str, expected: str = "") -> CheckResult:
        """Add a finding that may cause problems."""
        return self._note(Verdict.WARNING, seen, expected, remedies)

    def fail(self, seen: str, *remedies: str, expected: str = "") -> CheckResult:
        """Add a finding that will cause problems."""
        return self._note(Verdict.FAILED, seen, expected, remedies)

    def _note(self, verdict: Verdict, seen: str, expected: str = "", remedies: tuple[str, ...] = ()) -> CheckResult:
        self.findings.append(Finding(verdict, seen, expected, tuple(remedy for remedy in remedies if remedy)))
        return self


@dataclass(frozen=True)
class PreflightReport:
    """The results of all checks of a recipe.

    Attributes:
        results: One result per check, in their order.
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


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first names, and how many more there are: ``a, b and 3 more``."""
    first = _("{left}, {right}").format(left="", right="").join(names[:most])
    return _("{names} and {n} more").format(names=first, n=len(names) - most) if len(names) > most else first
