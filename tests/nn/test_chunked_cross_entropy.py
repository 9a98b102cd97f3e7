"""The cross-entropy of chunks is that of all scores, with its gradients, in the memory of a chunk."""

import resource

import pytest
import torch
from forked import CONTEXT
from torch.nn.functional import cross_entropy, linear
from torch.utils.flop_counter import FlopCounterMode

from dlcore.nn.chunked_cross_entropy import chunk_rows, chunked_cross_entropy


def made(places=23, vocab=17, size=6, dtype=torch.float64):
    torch.manual_seed(0)
    features = torch.randn(places, size, dtype=dtype, requires_grad=True)
    weight = torch.randn(vocab, size, dtype=dtype, requires_grad=True)
    bias = torch.randn(vocab, dtype=dtype, requires_grad=True)
    targets = torch.randint(0, vocab, (places,))
    targets[::5] = -100
    return features, weight, bias, targets


@pytest.mark.parametrize("rows", [1, 4, 23, 100])
def test_sum_and_gradients_are_those_of_all_scores(rows):
    *inputs, targets = made()
    expected = cross_entropy(linear(*inputs), targets, reduction="sum")
    total, _ = chunked_cross_entropy(*inputs, targets, rows=rows)
    assert torch.allclose(total, expected, rtol=1e-12)
    # Of a mean, as a training has it: the gradient is scaled on its way back.
    for one, two in zip(torch.autograd.grad(expected / 7, inputs), torch.autograd.grad(total / 7, inputs), strict=True):
        assert torch.allclose(one, two, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("together", [1, 40, 10_000])
def test_it_is_the_same_however_many_rows_a_cache_holds(together, monkeypatch):
    monkeypatch.setattr("dlcore.nn.chunked_cross_entropy._CACHED", together)
    *inputs, targets = made()
    expected = cross_entropy(linear(*inputs), targets, reduction="sum")
    total, right = chunked_cross_entropy(*inputs, targets, rows=8, count=True)
    assert torch.allclose(total, expected, rtol=1e-12)
    assert right == (linear(*inputs).argmax(1) == targets).sum()
    for one, two in zip(torch.autograd.grad(expected, inputs), torch.autograd.grad(total, inputs), strict=True):
        assert torch.allclose(one, two, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("device", "places", "words", "rows"),
    [("cpu", 2048, 5000, 0), ("cpu", 4096, 5000, 838), ("cpu", 1024, 50_000, 384), ("cuda", 2048, 50_000, 0)],
)
def test_scores_are_cut_into_chunks_where_they_are_many(device, places, words, rows):
    assert chunk_rows(places, words, torch.device(device)) == rows


def test_gradients_agree_with_differences():
    *inputs, targets = made(places=5, vocab=4, size=3)
    assert torch.autograd.gradcheck(lambda *each: chunked_cross_entropy(*each, targets, rows=2)[0], inputs)


def test_without_targets_it_is_zero():
    *inputs, targets = made()
    total, _ = chunked_cross_entropy(*inputs, torch.full_like(targets, -100), rows=4)
    assert total.item() == 0
    assert all(grad.abs().sum() == 0 for grad in torch.autograd.grad(total, inputs))


def test_in_mixed_precision_it_computes_like_the_whole_in_float32_sums():
    *inputs, targets = made(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = cross_entropy(linear(*inputs).float(), targets, reduction="sum")
        total, _ = chunked_cross_entropy(*inputs, targets, rows=4)
    assert total.dtype == torch.float32
    assert torch.allclose(total, expected, rtol=1e-6)
    for one, two in zip(torch.autograd.grad(expected, inputs), torch.autograd.grad(total, inputs), strict=True):
        assert one.dtype == two.dtype
        assert torch.allclose(one, two, rtol=0.02, atol=0.02)


def test_right_guesses_are_counted_in_the_same_pass():
    *inputs, targets = made()
    targets[1::3] = linear(*inputs).argmax(1)[1::3]
    expected = (linear(*inputs).argmax(1) == targets).sum()
    assert expected >= 8
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients):
            total, right = chunked_cross_entropy(*inputs, targets, rows=4, count=True)
        assert right == expected
        assert torch.allclose(total, cross_entropy(linear(*inputs), targets, reduction="sum"), rtol=1e-12)
    assert chunked_cross_entropy(*inputs, targets, rows=4)[1] == 0


def test_an_evaluation_multiplies_once():
    """For the scores: neither for gradients that nobody wants, nor again to count right guesses."""
    *inputs, targets = made()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        chunked_cross_entropy(*inputs, targets, rows=4, count=True)
    assert counter.get_total_flops() == 2 * 23 * 17 * 6


def test_of_equal_scores_only_the_first_is_a_guess():
    """As argmax has it: a network that says nothing is not always right."""
    features, weight, bias, _ = made()
    targets = torch.arange(23) % 17
    _, right = chunked_cross_entropy(features, weight * 0, bias * 0, targets, rows=4, count=True)
    assert right == 2  # places 0 and 17


def test_an_index_within_the_vocabulary_can_stand_for_no_target():
    *inputs, targets = made()
    targets = targets.clamp(min=0)
    total, right = chunked_cross_entropy(*inputs, targets, ignore_index=0, rows=4, count=True)
    expected = cross_entropy(linear(*inputs), targets, ignore_index=0, reduction="sum")
    assert torch.allclose(total, expected, rtol=1e-12)
    assert right == ((linear(*inputs).argmax(1) == targets) & (targets != 0)).sum()
    for one, two in zip(torch.autograd.grad(expected, inputs), torch.autograd.grad(total, inputs), strict=True):
        assert torch.allclose(one, two, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_scores_far_from_zero_lose_nothing(shift):
    features, weight, bias, targets = made()
    inputs = features, weight, (bias + shift).detach().requires_grad_()
    expected = cross_entropy(linear(*inputs), targets, reduction="sum")
    total, _ = chunked_cross_entropy(*inputs, targets, rows=4)
    assert torch.allclose(total, expected, rtol=1e-10)
    for one, two in zip(torch.autograd.grad(expected, inputs), torch.autograd.grad(total, inputs), strict=True):
        assert torch.allclose(one, two, rtol=1e-9, atol=1e-11)


def test_a_sure_guess_keeps_its_small_gradient_in_mixed_precision():
    """p - 1 is taken before anything is rounded: bfloat16 would make a thousandth of it a two-hundredth or nothing."""
    features, weight = torch.eye(4).requires_grad_(), (torch.eye(4) * 7).requires_grad_()
    bias, targets = torch.zeros(4, requires_grad=True), torch.arange(4)
    expected = torch.autograd.grad(cross_entropy(linear(features, weight, bias), targets, reduction="sum"), weight)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total, _ = chunked_cross_entropy(features, weight, bias, targets, rows=2)
    assert torch.allclose(torch.autograd.grad(total, weight)[0], expected, rtol=0.01, atol=0)


def test_only_gradients_that_are_wanted_come():
    features, weight, bias, targets = made()
    for kept in (features, weight, bias):
        inputs = [each if each is kept else each.detach() for each in (features, weight, bias)]
        (expected,) = torch.autograd.grad(cross_entropy(linear(*inputs), targets, reduction="sum"), kept)
        (found,) = torch.autograd.grad(chunked_cross_entropy(*inputs, targets, rows=4)[0], kept)
        assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_a_retained_graph_gives_the_same_gradients_again():
    *inputs, targets = made()
    total, _ = chunked_cross_entropy(*inputs, targets, rows=4)
    first = [grad.clone() for grad in torch.autograd.grad(total / 7, inputs, retain_graph=True)]
    for one, two in zip(first, torch.autograd.grad(total / 7, inputs), strict=True):
        assert torch.equal(one, two)


def test_a_second_derivative_is_refused():
    *inputs, targets = made()
    total, _ = chunked_cross_entropy(*inputs, targets, rows=4)
    first, *_ = torch.autograd.grad(total.square(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_no_places_are_nothing():
    features, weight, bias, targets = made(places=0)
    total, right = chunked_cross_entropy(features, weight, bias, targets, rows=4, count=True)
    assert (total.item(), right.item()) == (0, 0)
    assert all(grad.abs().sum() == 0 for grad in torch.autograd.grad(total, (features, weight, bias)))


def _peak(chunked, places, found):
    torch.set_num_threads(1)
    features, weight, bias, targets = made(places, vocab=20_000, size=8, dtype=torch.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if chunked:
        loss, _ = chunked_cross_entropy(features, weight, bias, targets, rows=100)
    else:
        loss = cross_entropy(linear(features, weight, bias), targets, reduction="sum")
    loss.backward()
    found.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)  # MB


def peak(chunked, places):
    found = CONTEXT.Queue()
    process = CONTEXT.Process(target=_peak, args=(chunked, places, found))
    process.start()
    answer = found.get(timeout=60)
    process.join(20)
    return answer


@pytest.mark.process
def test_memory_does_not_grow_with_the_number_of_places():
    # 20,000 words x 2,000 places are 160 MB of scores, of which a training without chunks holds two and more.
    assert peak(False, 2000) > 300
    assert peak(True, 2000) < 60
