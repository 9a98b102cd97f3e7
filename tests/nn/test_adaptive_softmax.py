"""The adaptive softmax is torch's, with losses in chunks, places without target, and errors that name the argument."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dlcore.errors import ArgumentError
from dlcore.nn import AdaptiveSoftmax, LanguageModeling


def made(cutoffs=(5, 12), places=40):
    torch.manual_seed(0)
    layer = AdaptiveSoftmax(32, 30, cutoffs).double()
    nn.init.normal_(layer.layer.head.bias)
    features = torch.randn(places, 32, dtype=torch.float64, requires_grad=True)
    return layer, features, torch.randint(0, 30, (places,))


@pytest.mark.parametrize("cutoffs", [(5,), (5, 12), [1, 29]])
def test_its_probabilities_are_a_distribution(cutoffs):
    layer, features, _ = made(cutoffs)
    log_probs = layer(features.reshape(8, 5, 32))
    assert log_probs.shape == (8, 5, 30)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(8, 5, dtype=torch.float64))


@pytest.mark.parametrize("rows", [1, 7, 100])
@pytest.mark.parametrize("cutoffs", [(5,), (5, 12)])
def test_losses_and_gradients_are_torchs(rows, cutoffs):
    layer, features, targets = made(cutoffs)
    inputs = [features, *layer.parameters()]
    expected = layer.layer(features, targets)
    total, _ = layer.cross_entropy(features, targets, -100, rows)
    assert torch.allclose(total, -expected.output.sum(), rtol=1e-12)
    assert torch.allclose(total, cross_entropy(layer(features), targets, reduction="sum"), rtol=1e-12)
    pairs = zip(torch.autograd.grad(expected.loss, inputs), torch.autograd.grad(total / 40, inputs), strict=True)
    for one, two in pairs:
        assert torch.allclose(one, two, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("ignore_index", [-100, 3, 20])
def test_places_without_target_count_nowhere(ignore_index):
    layer, features, targets = made()
    targets[::4] = ignore_index
    there = targets != ignore_index
    total, right = layer.cross_entropy(features, targets, ignore_index, 7, count=True)
    alone, same = layer.cross_entropy(features[there], targets[there], -100, 7, count=True)
    assert torch.allclose(total, alone, rtol=1e-12)
    assert right == same
    total.backward()
    assert torch.equal(features.grad.abs().sum(1) > 0, there)


def test_right_guesses_are_those_of_all_probabilities():
    layer, features, targets = made()
    features = features * 30
    best = layer(features).argmax(1)
    targets[::2] = best[::2]
    assert len(set(best.tolist())) > 3
    _, right = layer.cross_entropy(features, targets, -100, 7, count=True)
    assert right == (best == targets).sum() >= 20
    assert layer.cross_entropy(features, targets, -100, 7)[1] == 0


def test_a_cluster_that_no_target_is_in_gets_a_gradient_of_zero():
    layer, features, targets = made()
    layer.cross_entropy(features, targets.clamp(max=4), -100, 7)[0].backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    assert not any(parameter.grad.any() for parameter in layer.layer.tail.parameters())


def test_the_task_takes_its_mean():
    layer, features, targets = made()
    targets[:7] = -100
    loss, _ = LanguageModeling(30).loss_of_features(features.view(8, 5, 32), layer, targets.view(8, 5), rows=9)
    assert torch.allclose(loss, cross_entropy(layer(features), targets), rtol=1e-12)


@pytest.mark.parametrize("cutoffs", [[], [0, 5], [5, 5], [9, 5], [5, 30], [5.0], [True, 5], [-3]])
def test_cutoffs_that_do_not_cut_the_words_are_named(cutoffs):
    with pytest.raises(ArgumentError, match=r"^adaptive_cutoffs: expected whole numbers that grow, each from 1 to 29"):
        AdaptiveSoftmax(32, 30, cutoffs)


def test_more_clusters_than_the_features_allow_are_named():
    with pytest.raises(ArgumentError, match=r"^adaptive_cutoffs: expected so few numbers that 32 features"):
        AdaptiveSoftmax(32, 30, [5, 12, 20])


def test_in_mixed_precision_losses_are_summed_in_float32():
    layer, features, targets = made()
    layer, features = layer.float(), features.detach().float()
    expected, _ = layer.cross_entropy(features, targets, -100, 7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total, right = layer.cross_entropy(features, targets, -100, 7, count=True)
    assert total.dtype == torch.float32
    assert torch.allclose(total, expected, rtol=0.01)
    assert 0 <= right <= 40
    total.backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in layer.parameters())
