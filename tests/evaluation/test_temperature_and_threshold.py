"""Temperature and threshold of known answers."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score

from dlcore.evaluation.curves import calibration
from dlcore.evaluation.decision import best_threshold, fit_temperature, mean_loss, probabilities_of


def drawn(classes, factor, count=20_000):
    """Logits that are `factor` times what they ought to be, and classes drawn from the right ones."""
    generator = torch.Generator().manual_seed(0)
    right = torch.randn(count, classes, generator=generator) * 2
    shares = torch.from_numpy(probabilities_of(right))
    return right * factor, torch.multinomial(shares, 1, generator=generator).squeeze(1)


@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_factor_of_the_logits_is_found(classes, factor):
    logits, targets = drawn(classes, factor)
    assert fit_temperature(logits, targets) == pytest.approx(factor, rel=0.05)


def test_calibration_and_loss_get_better_and_no_class_changes():
    logits, targets = drawn(5, 3.0)
    temperature = fit_temperature(logits, targets)
    before, after = probabilities_of(logits), probabilities_of(logits, temperature)
    assert calibration(after, targets.numpy()).error < calibration(before, targets.numpy()).error / 3
    assert mean_loss(logits, targets, temperature) < mean_loss(logits, targets)
    assert (before.argmax(1) == after.argmax(1)).all()


def test_samples_that_are_all_right_give_a_temperature_within_bounds():
    assert 0.01 <= fit_temperature(torch.tensor([[4.0, 0.0], [0.0, 4.0]]), torch.tensor([0, 1])) < 1


@pytest.mark.parametrize(("criterion", "score"), [("f1", f1_score), ("balanced_accuracy", balanced_accuracy_score)])
def test_no_other_threshold_is_better(criterion, score):
    generator = np.random.default_rng(0)
    targets = (generator.random(400) < 0.05).astype(int)
    scores = np.round(np.clip(0.1 * generator.random(400) + 0.08 * targets, 0, 1), 3)
    chosen = best_threshold(targets, scores, criterion)
    others = [score(targets, scores > cut) for cut in np.linspace(0, 0.3, 301)]
    assert score(targets, scores > chosen) == pytest.approx(max(others))
    assert chosen < 0.5
    assert np.abs(scores - chosen).min() > 1e-4


def test_a_gap_is_cut_in_its_middle():
    assert best_threshold(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.6]), "f1") == pytest.approx(0.4)
    assert best_threshold(np.array([1, 1]), np.array([0.2, 0.6]), "f1") == pytest.approx(0.1)
