"""The metrics of a language model, by hand."""

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


def add(metrics, task, outputs, targets, characters=None):
    inputs = task.metric_inputs(task.loss(outputs, targets), outputs, targets)
    metrics.update(**inputs, **({} if characters is None else {"characters": characters}))
    return metrics


def values(metrics):
    return {name: value.item() for name, value in metrics.compute().items()}


def test_metrics_by_hand():
    task = LanguageModeling(4)
    metrics = values(add(task.metrics("", evaluation=True), task, scores(), TARGETS, CHARACTERS))
    bits = 1 + 2 + 3 + 2 + 1  # END's three bits count, though it has no character
    assert metrics["count"] == 5
    assert metrics["loss"] == pytest.approx(bits * math.log(2) / 5)
    assert metrics["perplexity"] == pytest.approx(2 ** (bits / 5))
    # The unknown word of one character is spelled out, as one of Unicode's 1,114,112 code points.
    assert metrics["bits_per_character"] == pytest.approx((bits + math.log2(1_114_112)) / 6)
    assert metrics["unknown_share"] == pytest.approx(1 / 5)
    # A half beats a sixth and ties with nothing; a quarter each is a tie that the first word wins: 0.
    assert metrics["accuracy"] == pytest.approx(3 / 5)


def test_a_model_gains_nothing_by_knowing_fewer_words():
    """Text of two words of two characters, each as likely: known, one unknown, all unknown and certain."""
    task, characters, bits = LanguageModeling(3), torch.tensor([[2.0, 2.0, 2.0, 2.0]]), []
    for targets, chances in (([1, 2, 1, 2], [0.0, 0.5, 0.5]), ([1, 0, 1, 0], [0.5, 0.5, 0.0]), ([0] * 4, [1.0, 0, 0])):
        outputs = torch.tensor(chances).log().expand(1, 4, 3)
        metrics = add(task.metrics(""), task, outputs, torch.tensor([targets]), characters)
        bits.append(values(metrics)["bits_per_character"])
    spelled = math.log2(0x110000)
    assert bits == pytest.approx([0.5, 0.5 + spelled / 2, spelled], rel=1e-6)


def test_accuracy_is_counted_in_an_evaluation_only():
    task = LanguageModeling(4)
    names = {"loss", "perplexity", "bits_per_character", "unknown_share", "count"}
    assert set(add(task.metrics("train/"), task, scores(), TARGETS).compute()) == {f"train/{name}" for name in names}
    metrics = task.metrics("", evaluation=True)
    assert set(add(metrics, task, scores(), TARGETS).compute()) == names | {"accuracy"}
    right = add(task.metrics("", evaluation=True), task, scores(), TARGETS)
    # In place of the scores, how many guesses were right.
    right.update(loss=torch.tensor(1.0), preds=torch.tensor(2), target=TARGETS)
    assert values(right)["accuracy"] == pytest.approx((3 + 2) / 10)


def test_what_stands_where_no_target_is_counts_nowhere():
    task = LanguageModeling(4)
    other = scores()
    other[1, 2] = torch.tensor([9.0, -3.0, 0.0, 4.0])
    assert torch.equal(task.loss(scores(), TARGETS), task.loss(other, TARGETS))
    first, second = (
        values(add(task.metrics("", evaluation=True), task, outputs, TARGETS, CHARACTERS + 100 * (TARGETS < 0)))
        for outputs in (scores(), other)
    )
    assert first == second


def test_a_batch_without_targets_is_nothing():
    task = LanguageModeling(4)
    nothing = torch.full((2, 3), -100)
    outputs = scores().requires_grad_()
    loss = task.loss(outputs, nothing)
    loss.backward()
    assert loss.item() == 0
    assert not outputs.grad.any()
    metrics = add(task.metrics("", evaluation=True), task, outputs, nothing, torch.zeros(2, 3))
    found = values(metrics)
    assert found.pop("count") == 0
    assert all(math.isnan(value) for value in found.values())
    metrics.update(loss=torch.tensor(math.nan), preds=outputs, target=nothing)  # a mean of nothing
    add(metrics, task, scores(), TARGETS, CHARACTERS)
    assert values(metrics)["bits_per_character"] == pytest.approx((9 + math.log2(0x110000)) / 6)


def test_adding_keeps_no_graph():
    task = LanguageModeling(4)
    outputs = scores().requires_grad_()
    metrics = add(task.metrics("", evaluation=True), task, outputs, TARGETS)
    assert not any(state.requires_grad for state in metrics["tokens"].metric_state.values())


def test_batches_of_any_size_give_the_metrics_of_the_whole():
    task = LanguageModeling(4)
    whole, parts, other = (task.metrics("", evaluation=True) for _ in range(3))
    add(whole, task, scores(), TARGETS, CHARACTERS)
    for metrics, place in ((parts, 0), (other, 1), (other, 2)):
        add(metrics, task, scores()[:, place], TARGETS[:, place], CHARACTERS[:, place])
    # As processes add up.
    joined = parts["tokens"]
    for state, reduce_fx in joined._reductions.items():
        setattr(joined, state, reduce_fx(torch.stack([getattr(joined, state), getattr(other["tokens"], state)])))
    assert values(parts) == pytest.approx(values(whole))


def test_a_hopeless_model_has_no_overflow():
    task = LanguageModeling(4)
    metrics = task.metrics("")
    metrics.update(loss=torch.tensor(1e4), preds=scores(), target=TARGETS, characters=CHARACTERS)
    assert values(metrics)["perplexity"] == math.inf


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
    metrics = values(add(task.metrics(""), task, torch.zeros(1, 4, 4), torch.tensor([[2, 1, 3, 0]])))
    assert metrics["count"] == 3
    assert metrics["unknown_share"] == pytest.approx(1 / 3)
