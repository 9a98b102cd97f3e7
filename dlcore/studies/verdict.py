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

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from dlcore.studies.claim import SHARES, Arithmetic, Comparison, Condition, Expression, Quantity, Value, nodes_of
from dlcore.tracking.metric_names import is_share
from dlcore.translation import N_, _

CONFIRMED, CONTRADICTED = N_("CONFIRMED"), N_("CONTRADICTED")
INCONCLUSIVE, SKIPPED = N_("INCONCLUSIVE"), N_("SKIPPED")
NAMES = {
    CONFIRMED: N_("{n} confirmed"),
    CONTRADICTED: N_("{n} contradicted"),
    INCONCLUSIVE: N_("{n} inconclusive"),
    SKIPPED: N_("{n} skipped"),
}  # each with how many of them are said
_NAMES = {True: CONFIRMED, False: CONTRADICTED, None: INCONCLUSIVE}
_COMPUTE: dict[str, Callable[..., np.ndarray]] = {"+": np.add, "-": np.subtract, "*": np.multiply}
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
# The smallest differences that count in a quick study: of shares, and relative ones of other numbers. With 5,000
# validation samples at 85%, their choice alone moves a difference of two accuracies by 1.4 points.
_LEAST_POINTS, _LEAST_PART = 0.02, 0.05

# A quantity's value by seed. Seeds that failed are missing.
Measure = Callable[[Quantity], Mapping[int, float]]


@dataclass(frozen=True)
class Checked:
    """One comparison, checked."""

    text: str  # the comparison
    outcome: bool | None  # whether it holds; None if undecided
    left: float | None  # mean of its left side, None without values
    right: float | None  # mean of its right side
    margin: float | None  # half the width of the interval around their difference; None with one seed
    seeds: int  # number of seeds used
    why: str = ""  # why it is undecided; empty otherwise


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


def judge(claim: Expression, measure: Measure, quick: bool = False, overlap: float = 0.0) -> Verdict:
    """Judge a claim by the measurements; for overlap see `interval`."""
    checked: list[Checked] = []

    def holds(node: Condition) -> bool | None:
        if isinstance(node, Comparison):
            checked.append(check(node, measure, quick, overlap))
            return checked[-1].outcome
        outcomes = [holds(part) for part in node.parts]
        if node.word == "not":
            return None if outcomes[0] is None else not outcomes[0]
        decided = node.word == "or"  # one part with this outcome decides
        return decided if decided in outcomes else None if None in outcomes else not decided

    return Verdict(_NAMES[holds(claim.condition)], tuple(checked))


def check(comparison: Comparison, measure: Measure, quick: bool = False, overlap: float = 0.0) -> Checked:
    """Check one comparison; see the rule at the top."""
    measured = {each: measure(each) for each in nodes_of(comparison) if isinstance(each, Quantity)}
    seeds = sorted(set.intersection(*map(set, measured.values()))) if measured else [0]
    if not seeds:
        return Checked(comparison.text, None, None, None, None, 0, _("no finished run has this value"))
    left, right = (_values(side, measured, seeds) for side in (comparison.left, comparison.right))
    with np.errstate(invalid="ignore"):
        means = float(left.mean()), float(right.mean())

    def checked(outcome: bool | None, why: str, margin: float | None = None) -> Checked:
        return Checked(comparison.text, outcome, *means, margin, len(seeds), why if outcome is None else "")

    if np.isnan(left).any() or np.isnan(right).any():
        return checked(None, _("a value is not a number"))
    holds = _COMPARE[comparison.relation]
    if np.isinf(left).any() or np.isinf(right).any():
        # An infinite value (a loss that overflowed, accuracy never reached) has no interval: all seeds must agree.
        agree = set(holds(left, right).tolist())
        return checked(agree.pop() if len(agree) == 1 else None, _("seeds differ"))
    low, high, margin = interval(left - right, overlap)
    least = _least_difference(comparison, *means) if quick and margin is None else 0.0
    if abs(low) < least:
        why = _("too short to judge: with one seed and few epochs a difference below {least:.2g} may be chance")
        return checked(None, why.format(least=least))
    outcome = bool(holds(low, 0)) if holds(low, 0) == holds(high, 0) else None
    why = _("the seeds' noise (± {margin:.2g}) is larger than the difference").format(margin=margin or 0)
    return checked(outcome, why, margin)


def _least_difference(comparison: Comparison, left: float, right: float) -> float:
    """Return the smallest difference of the sides that counts with one seed; 0 for exact counts."""
    nodes = list(nodes_of(comparison))
    names = [each.metric or each.name for each in nodes if isinstance(each, Quantity)]
    if all(name == "parameters" for name in names):
        return 0.0
    sums = all(each.sign in "+-" for each in nodes if isinstance(each, Arithmetic))
    if sums and all(is_share(name) or name in SHARES for name in names):
        return _LEAST_POINTS
    return _LEAST_PART * max(abs(left), abs(right))


def interval(differences: np.ndarray, overlap: float = 0.0) -> tuple[float, float, float | None]:
    """Return the 95% interval of a mean: both ends, and half its width (None for one number, its own interval).

    Args:
        differences: The numbers (S,).
        overlap: Of folds: test samples by training samples. The training samples of folds overlap, so that their
            numbers are not independent: the variance of the mean is s²·(1/n + overlap) instead of s²/n. Reference:
            Nadeau and Bengio (2003), "Inference for the generalization error", Machine Learning 52.
    """
    n, mean = len(differences), float(np.mean(differences))
    if n == 1:
        return mean, mean, None
    margin = float(stdtrit(n - 1, 0.975) * np.std(differences, ddof=1) * np.sqrt(1 / n + overlap))
    return mean - margin, mean + margin, margin


def _values(value: Value, measured: Mapping[Quantity, Mapping[int, float]], seeds: Sequence[int]) -> np.ndarray:
    """Return a value for each seed (S,)."""
    if isinstance(value, Quantity):
        return np.array([measured[value][seed] for seed in seeds], dtype=np.float64)
    if not isinstance(value, Arithmetic):
        return np.full(len(seeds), value)
    left, right = _values(value.left, measured, seeds), _values(value.right, measured, seeds)
    if value.sign == "/":
        quotient: np.ndarray = np.divide(left, right, out=np.full(len(seeds), np.nan), where=right != 0)
        return quotient
    return _COMPUTE[value.sign](left, right)
