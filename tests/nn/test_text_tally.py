"""The sums of a language model, by hand."""

import math

import pytest
import torch

from dlcore.nn import LanguageModeling

# Two streams of three places over four words: 0 unknown, 1 end, 2 of one character, 3 of two. One place is empty.
TARGETS = torch.tensor([[2, 3, 1], [0, 3, -100]])
CHARACTERS = torch.tensor([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0]])
# Probabilities of the target at each place; the rest is shared by the others.
CHANCES = torch.tensor([[0.5, 0.25, 0.125], [0.25, 0.5, 0.9]])


def scores():
    logits = ((1 - CHANCES) / 3).log().unsqueeze(-1).repeat(1, 1, 4)
    return logits.scatter(2, TARGETS.clamp(min=0).unsqueeze(-1), CHANCES.log().unsqueeze(-1))


def test_metrics_by_hand():
    task = LanguageModeling(4)
    tally = task.tally("cpu", evaluation=True)
    tally.add(task.loss(scores(), TARGETS), scores(), TARGETS, CHARACTERS)
    metrics = tally.metrics()
    bits = 1 + 2 + 3 + 2 + 1  # END's three bits count, though it has no character
    assert tally.count == 5
    assert metrics["loss"] == pytest.approx(bits * math.log(2) / 5)
    assert metrics["perplexity"] == pytest.approx(2 ** (bits / 5))
    assert metrics["bits_per_character"] == pytest.approx(bits / 6)
    assert metrics["unknown_share"] == pytest.approx(1 / 5)
    # A half beats a sixth and ties with nothing; a quarter each is a tie that the first word wins: 0.
    assert metrics["accuracy"] == pytest.approx(3 / 5)


def test_what_stands_where_no_target_is_counts_nowhere():
    task = LanguageModeling(4)
    other = scores()
    other[1, 2] = torch.tensor([9.0, -3.0, 0.0, 4.0])
    assert torch.equal(task.loss(scores(), TARGETS), task.loss(other, TARGETS))
    metrics = []
    for outputs in (scores(), other):
        tally = task.tally("cpu", evaluation=True)
        tally.add(task.loss(outputs, TARGETS), outputs, TARGETS, CHARACTERS + 100 * (TARGETS < 0))
        metrics.append(tally.metrics())
    assert metrics[0] == metrics[1]


def test_a_batch_without_targets_is_nothing():
    task = LanguageModeling(4)
    nothing = torch.full((2, 3), -100)
    outputs = scores().requires_grad_()
    loss = task.loss(outputs, nothing)
    loss.backward()
    assert loss.item() == 0
    assert not outputs.grad.any()
    tally = task.tally("cpu")
    tally.add(loss, outputs, nothing, torch.zeros(2, 3))
    assert tally.count == 0
    assert all(math.isnan(value) for value in tally.metrics().values())
    tally.add(task.loss(scores(), TARGETS), scores(), TARGETS, CHARACTERS)
    assert tally.metrics()["bits_per_character"] == pytest.approx(1.5)


def test_batches_of_any_size_give_the_metrics_of_the_whole():
    task = LanguageModeling(4)
    whole, parts, other = task.tally("cpu"), task.tally("cpu"), task.tally("cpu")
    whole.add(task.loss(scores(), TARGETS), scores(), TARGETS, CHARACTERS)
    for tally, place in ((parts, 0), (other, 1), (other, 2)):
        cut = scores()[:, place], TARGETS[:, place]
        tally.add(task.loss(*cut), *cut, CHARACTERS[:, place])
    # As processes add up.
    parts.load_sums([a + b for a, b in zip(parts.sums(), other.sums(), strict=True)])
    assert parts.metrics() == pytest.approx(whole.metrics())


def test_a_hopeless_model_has_no_overflow():
    task = LanguageModeling(4)
    tally = task.tally("cpu")
    tally.add(torch.tensor(1e4), scores(), TARGETS, CHARACTERS)
    assert tally.metrics()["perplexity"] == math.inf


def test_the_loss_of_half_precision_scores_does_not_overflow():
    torch.manual_seed(0)
    outputs, targets = torch.randn(64, 200, 50).half(), torch.randint(0, 50, (64, 200))
    task = LanguageModeling(50)
    loss = task.loss(outputs, targets)  # the nats' sum, 55,000 and more, is beyond or near what float16 holds
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(task.loss(outputs.double(), targets).item(), rel=1e-5)
    assert task.loss(outputs.double(), targets).dtype == torch.float64


def test_words_and_places_that_count_apart_may_have_other_numbers():
    task = LanguageModeling(4, unknown=2, ignore_index=3)
    targets = torch.tensor([[2, 1, 3, 0]])
    tally = task.tally("cpu")
    outputs = torch.zeros(1, 4, 4)
    tally.add(task.loss(outputs, targets), outputs, targets)
    assert tally.count == 3
    assert tally.metrics()["unknown_share"] == pytest.approx(1 / 3)
