"""Judge whether a claim holds, given the noise of the seeds.

The rule. A comparison ``a < b`` compares means over the seeds. For each seed compute the difference b - a (both sides
with the same seed). With n seeds and the differences' standard deviation s (n - 1 in the denominator), their mean has
the 95% interval mean ± t·s/√n (Student's t with n - 1 degrees of freedom). If all of the interval is on the claim's
side the comparison holds; if all of it is on the other side it fails; else the seeds cannot decide. With one seed there
is no interval: the difference itself decides, and the verdict says that chance is not measured. In a quick study, which
has one seed and few epochs, a difference smaller than 2 points of a share (an accuracy, a gap), or 5% of any other
number, may be chance too and stays undecided; counts of parameters are exact.
``and``, ``or`` and ``not`` follow Kleene's logic of true, false and unknown.

Reference: Student (1908), "The probable error of a mean", Biometrika 6(1); Kleene (1952), "Introduction to
metamathematics", §64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from dlcore.studies.claim import (
    SHARES,
    Arithmetic,
    Comparison,
    Condition,
    Expression,
    Number,
    Quantity,
    Value,
    quantities_of,
    signs_of,
)
from dlcore.tracking.metric_names import is_share

CONFIRMED, CONTRADICTED, INCONCLUSIVE, SKIPPED = "CONFIRMED", "CONTRADICTED", "INCONCLUSIVE", "SKIPPED"
NAMES = (CONFIRMED, CONTRADICTED, INCONCLUSIVE, SKIPPED)
_NAMES = {True: CONFIRMED, False: CONTRADICTED, None: INCONCLUSIVE}
# Student's t that leaves 2.5% on each side, for 1 to 30 degrees of freedom.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip

# The smallest differences that count in a quick study: of shares, and relative ones of other numbers. With 5,000
# validation samples at 85%, their choice alone moves a difference of two accuracies by 1.4 points.
_LEAST_POINTS, _LEAST_PART = 0.02, 0.05

# A quantity's value by seed. Seeds that failed are missing.
Measure = Callable[[Quantity], Mapping[int, float]]


@dataclass(frozen=True)
class Checked:
    """One comparison, checked.

    Args:
        text: The comparison.
        outcome: Whether it holds; None if undecided.
        left: Mean of its left side, None without values.
        right: Mean of its right side.
        margin: Half the width of the interval around their difference; None with one seed.
        seeds: Number of seeds used.
        why: Why it is undecided; empty otherwise.
    """

    text: str
    outcome: bool | None
    left: float | None
    right: float | None
    margin: float | None
    seeds: int
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim.

    Args:
        name: CONFIRMED, CONTRADICTED, INCONCLUSIVE, or SKIPPED: not judged.
        checked: Each comparison.
        why: Why it was not judged; empty otherwise.
    """

    name: str
    checked: tuple[Checked, ...]
    why: str = ""

    @property
    def one_seed(self) -> bool:
        """Whether a comparison uses only one seed, so that chance is not measured."""
        return any(each.seeds == 1 for each in self.checked)


def judge(claim: Expression, measure: Measure, quick: bool = False) -> Verdict:
    """Judge a claim by the measurements.

    Args:
        claim: The claim.
        measure: Returns a quantity's value by seed.
        quick: Whether small differences of one seed are undecided.
    """
    checked: list[Checked] = []

    def holds(node: Condition) -> bool | None:
        if isinstance(node, Comparison):
            checked.append(check(node, measure, quick))
            return checked[-1].outcome
        outcomes = [holds(part) for part in node.parts]
        if node.word == "not":
            return None if outcomes[0] is None else not outcomes[0]
        decided = node.word == "or"  # one part with this outcome decides
        return decided if decided in outcomes else None if None in outcomes else not decided

    return Verdict(_NAMES[holds(claim.condition)], tuple(checked))


def check(comparison: Comparison, measure: Measure, quick: bool = False) -> Checked:
    """Check one comparison; see the rule at the top."""
    left, right = _values(comparison.left, measure), _values(comparison.right, measure)
    known = [side for side in (left, right) if side is not None]
    seeds = sorted(set.intersection(*map(set, known))) if known else [0]
    if not seeds:
        return Checked(comparison.text, None, None, None, None, 0, "no run has ended that tells it")
    sides = [[side[seed] for seed in seeds] if side is not None else None for side in (left, right)]
    first = sides[0] if sides[0] is not None else [_constant(comparison.left)] * len(seeds)
    second = sides[1] if sides[1] is not None else [_constant(comparison.right)] * len(seeds)
    means = _mean(first), _mean(second)
    if any(math.isnan(value) for value in (*first, *second)):
        return Checked(comparison.text, None, *means, None, len(seeds), "a value is not a number")
    sign = 1 if comparison.relation.startswith("<") else -1
    strict = len(comparison.relation) == 1
    if any(math.isinf(value) for value in (*first, *second)):
        # An infinite value (a loss that overflowed, accuracy never reached) has no interval: all seeds must agree.
        agree = {_on_side(sign, a, b, strict) for a, b in zip(first, second, strict=True)}
        outcome = agree.pop() if len(agree) == 1 else None
        return Checked(
            comparison.text, outcome, *means, None, len(seeds), "" if outcome is not None else "seeds differ"
        )
    differences = [sign * (b - a) for a, b in zip(first, second, strict=True)]
    low, high, margin = interval(differences)
    least = _least_difference(comparison, *means) if quick and margin is None else 0.0
    if abs(low) < least:
        why = f"too short to judge: with one seed and few epochs a difference below {least:.2g} may be chance"
        return Checked(comparison.text, None, *means, None, len(seeds), why)
    above, below = (low > 0, high <= 0) if strict else (low >= 0, high < 0)
    outcome = True if above else False if below else None
    why = "" if outcome is not None else f"the seeds' noise (± {margin:.2g}) is larger than the difference"
    return Checked(comparison.text, outcome, *means, margin, len(seeds), why)


def _least_difference(comparison: Comparison, left: float, right: float) -> float:
    """Return the smallest difference of the sides that counts with one seed; 0 for exact counts."""
    names = [each.metric or each.name for each in quantities_of(comparison)]
    if all(name == "parameters" for name in names):
        return 0.0
    sums = all(sign in "+-" for sign in signs_of(comparison))
    if sums and all(is_share(name) or name in SHARES for name in names):
        return _LEAST_POINTS
    return _LEAST_PART * max(abs(left), abs(right))


def interval(differences: Sequence[float]) -> tuple[float, float, float | None]:
    """Return the 95% interval of a mean: both ends, and half its width (None for one number, its own interval)."""
    n, mean = len(differences), fmean(differences)
    if n == 1:
        return mean, mean, None
    margin = student_t(n - 1) * stdev(differences) / math.sqrt(n)
    return mean - margin, mean + margin, margin


def student_t(freedom: int) -> float:
    """Return Student's t for 2.5% on each side; above 30 degrees of freedom by Cornish and Fisher's first terms."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom)


def _on_side(sign: int, left: float, right: float, strict: bool) -> bool:
    a, b = (left, right) if sign > 0 else (right, left)
    return a < b if strict else a <= b


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _values(value: Value, measure: Measure) -> Mapping[int, float] | None:
    """Return a value by seed; None for a constant."""
    if isinstance(value, Number):
        return None
    if isinstance(value, Quantity):
        return measure(value)
    left, right = _values(value.left, measure), _values(value.right, measure)
    if left is None and right is None:
        return None
    seeds = set(left if left is not None else right or ()) & set(right if right is not None else left or ())
    return {
        seed: _compute(
            value.sign,
            left[seed] if left is not None else _constant(value.left),
            right[seed] if right is not None else _constant(value.right),
        )
        for seed in seeds
    }


def _constant(value: Value) -> float:
    if isinstance(value, Arithmetic):
        return _compute(value.sign, _constant(value.left), _constant(value.right))
    return value.value if isinstance(value, Number) else math.nan


def _compute(sign: str, left: float, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    return left / right if right else math.nan
