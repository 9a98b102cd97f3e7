"""Curves and calibration of known answers."""

import math
import warnings

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from dlcore.evaluation.curves import calibration, class_curves, class_scores


def test_scores_of_each_class():
    scores = class_scores(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2]), 4)
    assert [each.support for each in scores] == [3, 2, 0, 0]
    assert (scores[0].precision, scores[0].recall) == (1, pytest.approx(2 / 3))
    assert (scores[1].precision, scores[1].recall, scores[1].f1) == (0.5, 0.5, 0.5)
    assert scores[2].precision == 0
    assert math.isnan(scores[2].recall)
    assert math.isnan(scores[3].f1)


def test_a_perfect_order_has_area_one():
    curves = class_curves(np.array([False, False, True]), np.array([0.1, 0.2, 0.21]))
    assert curves.area == curves.average_precision == 1
    assert curves.share == pytest.approx(1 / 3)
    assert curves.recall[0] == 0
    assert curves.recall[-1] == 1


def test_without_both_kinds_there_is_no_curve():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert class_curves(np.array([True]), np.array([0.3])) is None
        assert class_curves(np.array([False, False]), np.array([0.3, 0.4])) is None


def test_curves_of_many_samples_are_thinned():
    scores = np.random.default_rng(0).random(30_000)
    curves = class_curves(np.random.default_rng(1).random(30_000) < scores, scores)
    assert len(curves.recall) <= 2000
    assert curves.true_positive_rate[-1] == 1


def test_calibrated_probabilities_have_hardly_an_error():
    scores = np.random.default_rng(0).random(50_000)
    targets = (np.random.default_rng(1).random(50_000) < scores).astype(int)
    assert calibration(np.stack([1 - scores, scores], 1), targets).error < 0.02
    too_sure = scores**3 / (scores**3 + (1 - scores) ** 3)
    found = calibration(np.stack([1 - too_sure, too_sure], 1), targets)
    assert found.error > 0.05
    assert found.counts.sum() == 50_000
    assert len(found.counts) == len(found.predicted) == len(found.observed)


def test_of_more_classes_the_predicted_one_counts():
    generator = np.random.default_rng(0)
    shares, targets = generator.dirichlet(np.ones(4), 3000), generator.integers(0, 4, 3000)
    wanted = multiclass_calibration_error(torch.from_numpy(shares), torch.from_numpy(targets), 4, n_bins=15)
    assert calibration(shares, targets).error == pytest.approx(float(wanted))


def test_one_sample_has_a_calibration():
    assert calibration(np.array([[0.0, 1.0]]), np.array([1])).error == 0
