"""Labels that were changed on purpose are found."""

import numpy as np
import pytest

from dlcore.evaluation.label_errors import find_label_errors


def test_a_label_is_doubted_if_another_class_reaches_its_own_mean():
    probabilities = np.array(
        [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.15, 0.85], [0.45, 0.55]]
    )  # the thresholds are 0.4875 and 0.7
    found = find_label_errors(probabilities, np.array([0, 0, 0, 1, 0, 1]))
    assert found.thresholds == pytest.approx([(0.9 + 0.7 + 0.2 + 0.15) / 4, 0.725])
    assert found.places.tolist() == [4, 2]  # the last sample reaches no threshold
    assert found.likely.tolist() == [1, 1]
    assert found.margins == pytest.approx([-0.7, -0.6])


def test_a_hard_class_has_a_low_threshold():
    probabilities = np.array([[0.5, 0.5]] * 3 + [[0.95, 0.05]] * 3)
    assert find_label_errors(probabilities, np.array([1, 1, 1, 0, 0, 0])).places.tolist() == []


def test_most_changed_labels_come_first():
    generator = np.random.default_rng(0)
    true = generator.integers(0, 5, 4000)
    scores = generator.normal(0, 1, (4000, 5))
    scores[np.arange(4000), true] += 3
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    changed = generator.choice(4000, 200, replace=False)
    labels = true.copy()
    labels[changed] = (true[changed] + generator.integers(1, 5, 200)) % 5
    found = find_label_errors(probabilities, labels)
    assert np.isin(found.places[:200], changed).mean() > 0.7
    right = found.likely[np.isin(found.places, changed)] == true[found.places[np.isin(found.places, changed)]]
    assert right.mean() > 0.8


def test_a_class_without_samples_takes_none():
    found = find_label_errors(np.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]]), np.array([0, 1]))
    assert 2 not in found.likely
    assert np.isnan(found.thresholds[2])
