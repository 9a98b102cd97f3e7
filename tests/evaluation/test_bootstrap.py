"""Intervals of metrics: those of formulas and of other libraries, within wide margins."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error, r2_score, roc_auc_score

from dlcore.evaluation.bootstrap import (
    bootstrap,
    class_statistic,
    mean_statistic,
    regression_statistic,
    resamples_of,
    text_statistic,
    together,
)


@pytest.fixture
def answers():
    """Classes of 2,000 samples, and predictions of which about 80% are right."""
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 3, 2000)
    return targets, np.where(generator.random(2000) < 0.8, targets, generator.integers(0, 3, 2000))


def test_an_accuracys_interval_is_that_of_the_binomial_distribution(answers):
    targets, predicted = answers
    found = bootstrap(class_statistic(targets, predicted, 3), len(targets))["accuracy"]
    share = (targets == predicted).mean()
    half = 1.96 * math.sqrt(share * (1 - share) / len(targets))
    assert found.value == pytest.approx(share)
    assert found.low == pytest.approx(share - half, abs=0.25 * half)
    assert found.high == pytest.approx(share + half, abs=0.25 * half)


@pytest.mark.parametrize(("right", "low", "high"), [(True, 0.025 ** (1 / 6), 1.0), (False, 0.0, 1 - 0.025 ** (1 / 6))])
def test_six_answers_that_are_all_right_or_wrong_have_the_exact_interval(right, low, high):
    targets = np.array([0, 1, 2, 0, 1, 2])
    found = bootstrap(class_statistic(targets, targets if right else (targets + 1) % 3, 3), 6)
    assert (found["accuracy"].low, found["accuracy"].high) == pytest.approx((low, high))
    assert not found["f1"].has_interval


def test_values_are_those_of_scikit_learn(answers):
    targets, predicted = answers
    assert bootstrap(class_statistic(targets, predicted, 3), 2000)["f1"].value == pytest.approx(
        f1_score(targets, predicted, average="macro")
    )
    generator = np.random.default_rng(2)
    two, scores = targets > 1, np.round(generator.random(2000) + 0.3 * (targets > 1), 2)  # with ties
    auroc = bootstrap(class_statistic(two.astype(int), (scores > 0.6).astype(int), 2, scores), 2000)["auroc"]
    assert auroc.value == pytest.approx(roc_auc_score(two, scores))
    assert auroc.low < auroc.value < auroc.high
    true, guess = generator.normal(5, 2, (500, 2)), generator.normal(5, 2, (500, 2))
    found = bootstrap(regression_statistic(guess, true), 500)
    assert found["r2"].value == pytest.approx(r2_score(true, guess))
    assert found["mae"].value == pytest.approx(mean_absolute_error(true, guess))


def test_each_draw_is_the_metric_of_the_drawn_samples(answers):
    targets, predicted = answers
    drawn = np.random.default_rng(3).integers(0, 2000, 2000)
    weights = np.bincount(drawn, minlength=2000)[None].astype(float)
    found = class_statistic(targets, predicted, 3)(weights)
    assert found["f1"][0] == pytest.approx(f1_score(targets[drawn], predicted[drawn], average="macro"))


def test_the_seed_decides(answers):
    statistic = class_statistic(*answers, 3)
    assert bootstrap(statistic, 2000, seed=4) == bootstrap(statistic, 2000, seed=4)
    assert bootstrap(statistic, 2000, seed=4) != bootstrap(statistic, 2000, seed=5)


def test_one_sample_has_no_interval():
    found = bootstrap(class_statistic(np.array([1]), np.array([1]), 2, np.array([0.3])), 1)
    assert found["accuracy"].value == 1
    assert not found["accuracy"].has_interval
    assert math.isnan(found["auroc"].value)


def test_a_class_that_most_draws_lack_has_no_interval():
    targets = np.array([1] + [0] * 50)  # a third of the draws have no sample of class 1
    scores = np.linspace(1, 0, 51)
    found = bootstrap(class_statistic(targets, targets, 2, scores), 51)
    assert found["auroc"].value == 1
    assert not found["auroc"].has_interval
    assert found["accuracy"].value == 1
    assert 0.9 < found["accuracy"].low < 1  # the same in all draws: exact


def test_equal_targets_have_no_r2():
    found = bootstrap(regression_statistic(np.array([[1.0], [2.0]]), np.array([[0.1], [0.1]])), 2)
    assert math.isnan(found["r2"].value)


def test_a_mean_may_be_weighted():
    found = bootstrap(mean_statistic("loss", np.array([1.0, 4.0]), np.array([3.0, 1.0])), 2)
    assert found["loss"].value == pytest.approx(7 / 4)


def test_text_is_drawn_by_documents():
    nats, counts = np.array([20.0, 10.0]), np.array([[10, 10], [20, 10], [1, 0], [5, 5]], dtype=float)
    found = bootstrap(text_statistic(nats, nats / math.log(2), counts), 2)
    assert found["loss"].value == pytest.approx(1.5)
    assert found["perplexity"].value == pytest.approx(math.exp(1.5))
    assert found["bits_per_character"].value == pytest.approx(1 / math.log(2))
    assert found["unknown_share"].value == 0.05
    assert found["accuracy"].value == 0.5


def test_metrics_are_drawn_together():
    both = together(mean_statistic("a", np.arange(9.0)), mean_statistic("b", -np.arange(9.0)))
    found = bootstrap(both, 9)
    assert found["a"].low == pytest.approx(-found["b"].high)


def test_of_many_samples_fewer_draws_are_made():
    assert resamples_of(10_000) == 1000
    assert 200 <= resamples_of(5_000_000) < 1000
