import math
import statistics

import numpy as np
import pytest

from dlcore.studies.claim import read_claim
from dlcore.studies.verdict import CONFIRMED, CONTRADICTED, INCONCLUSIVE, interval, judge


def verdict(text, **values):
    """Judge a claim about variants a, b, …: a value each, or one a seed."""

    def measure(quantity):
        given = values.get(quantity.variant, [])
        return dict(enumerate(given if isinstance(given, list) else [given]))

    return judge(read_claim(text), measure)


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (2, 4.303), (30, 2.042), (60, 2.000), (120, 1.980)])
def test_student_t_is_that_of_the_tables(freedom, t):
    numbers = np.arange(freedom + 1.0)
    assert interval(numbers)[2] * len(numbers) ** 0.5 / statistics.stdev(numbers) == pytest.approx(t, abs=0.002)


def test_the_interval_of_three_numbers():
    # mean 2, s = 1, t = 4.303: 4.303 / √3 = 2.4843
    low, high, margin = interval(np.array([1.0, 2.0, 3.0]))
    assert (low, high, margin) == pytest.approx((2 - 2.4843, 2 + 2.4843, 2.4843), abs=1e-3)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([0.84, 0.85, 0.86], CONFIRMED),  # differences from 0.80: 0.05 ± 0.025
        ([0.74, 0.75, 0.76], CONTRADICTED),
        ([0.79, 0.81, 0.83], INCONCLUSIVE),  # 0.01 ± 0.05
        ([0.60, 0.90, 0.99], INCONCLUSIVE),  # the mean is above, the noise is larger
        (0.81, CONFIRMED),
        (0.79, CONTRADICTED),
        (0.80, CONTRADICTED),  # > is strict
        ([0.80, 0.80], CONTRADICTED),
    ],
)
def test_a_comparison_with_a_number(values, name):
    assert verdict('accuracy("a") > 0.8', a=values).name == name


def test_at_least_holds_where_it_is_equal():
    assert verdict('accuracy("a") >= 0.8', a=[0.8, 0.8]).name == CONFIRMED


def test_two_variants_are_compared_seed_by_seed():
    # Each variant varies by 0.1, their difference by nothing: paired, it is plain.
    a, b = [0.50, 0.60, 0.70], [0.51, 0.61, 0.71]
    assert verdict('accuracy("a") < accuracy("b")', a=a, b=b).name == CONFIRMED
    assert verdict('accuracy("a") < accuracy("b")', a=a, b=b[::-1]).name == INCONCLUSIVE


def test_arithmetic_is_done_for_each_seed():
    assert verdict('gap("a") < 0.5 * gap("b") - 1%', a=[0.1, 0.2], b=[0.3, 0.5]).name == CONFIRMED
    assert verdict('gap("a") / gap("b") > 1', a=1.0, b=0.0).name == INCONCLUSIVE


def test_only_seeds_that_both_have_count():
    checked = verdict('accuracy("a") < accuracy("b")', a=[0.1, 0.2, 0.9], b=[0.2, 0.3]).checked[0]
    assert (checked.seeds, checked.outcome) == (2, True)


def test_a_variant_without_results_is_inconclusive_and_says_so():
    judged = verdict('accuracy("a") < accuracy("b")', a=0.5)
    assert judged.name == INCONCLUSIVE
    assert judged.checked[0].why == "no finished run has this value"


def test_not_a_number_is_inconclusive_and_infinity_needs_all_seeds():
    assert verdict('loss("a") > 1', a=math.nan).name == INCONCLUSIVE
    assert verdict('epochs_to("a", 0.9) > 5', a=[math.inf, 7.0]).name == CONFIRMED
    assert verdict('epochs_to("a", 0.9) > 5', a=[math.inf, 3.0]).name == INCONCLUSIVE


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('accuracy("yes") > 0 and accuracy("unknown") > 0', INCONCLUSIVE),
        ('accuracy("yes") < 0 and accuracy("unknown") > 0', CONTRADICTED),
        ('accuracy("yes") > 0 or accuracy("unknown") > 0', CONFIRMED),
        ('accuracy("yes") < 0 or accuracy("unknown") > 0', INCONCLUSIVE),
        ('not accuracy("yes") < 0', CONFIRMED),
        ('not accuracy("unknown") < 0', INCONCLUSIVE),
        ('0.4 < accuracy("yes") < 0.6', CONFIRMED),
    ],
)
def test_joined_comparisons_follow_true_false_and_unknown(text, name):
    assert verdict(text, yes=0.5).name == name


@pytest.mark.parametrize(
    ("text", "a", "b", "name"),
    [
        ('accuracy("a") < accuracy("b")', 0.860, 0.867, INCONCLUSIVE),  # 0.7 points
        ('accuracy("a") < accuracy("b")', 0.860, 0.890, CONFIRMED),
        ('accuracy("a") > accuracy("b")', 0.860, 0.890, CONTRADICTED),
        ('gap("a") < gap("b") - 1%', 0.010, 0.035, INCONCLUSIVE),  # 1.5 points beyond the 1% that are claimed
        ('accuracy("a") > 0.85', 0.86, 0.0, INCONCLUSIVE),
        ('last("val/f1", "a") > 0.5', 0.53, 0.0, CONFIRMED),
        ('loss("a") < loss("b")', 0.40, 0.41, INCONCLUSIVE),  # 2.4%
        ('loss("a") < loss("b")', 0.40, 0.45, CONFIRMED),
        ('accuracy("a") / accuracy("b") > 1', 0.51, 0.50, INCONCLUSIVE),  # 2% of a ratio
        ('parameters("a") < parameters("b")', 80_146, 80_147, CONFIRMED),  # without chance
    ],
)
def test_a_quick_study_leaves_small_differences_open(text, a, b, name):
    judged = judge(read_claim(text), lambda quantity: {0: {"a": a, "b": b}[quantity.variant]}, quick=True)
    assert judged.name == name
    assert (name == INCONCLUSIVE) == judged.checked[0].why.startswith("too short to judge")


def test_one_seed_is_said():
    assert verdict('accuracy("a") > 0.8', a=0.9).one_seed
    assert not verdict('accuracy("a") > 0.8', a=[0.9, 0.91]).one_seed
