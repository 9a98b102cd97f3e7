"""The cross-entropy of chunks is that of all scores, with its gradients, in the memory of a chunk."""

import resource

import pytest
import torch
from forked import CONTEXT
from torch.nn.functional import cross_entropy, linear

from dlcore.nn.chunked_cross_entropy import chunked_cross_entropy, count_right


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
    total = chunked_cross_entropy(*inputs, targets, rows=rows)
    assert torch.allclose(total, expected, rtol=1e-12)
    # Of a mean, as a training has it: the gradient is scaled on its way back.
    for one, two in zip(torch.autograd.grad(expected / 7, inputs), torch.autograd.grad(total / 7, inputs), strict=True):
        assert torch.allclose(one, two, rtol=1e-10, atol=1e-12)


def test_gradients_agree_with_differences():
    *inputs, targets = made(places=5, vocab=4, size=3)
    assert torch.autograd.gradcheck(lambda *each: chunked_cross_entropy(*each, targets, rows=2), inputs)


def test_without_targets_it_is_zero():
    *inputs, targets = made()
    total = chunked_cross_entropy(*inputs, torch.full_like(targets, -100), rows=4)
    assert total.item() == 0
    assert all(grad.abs().sum() == 0 for grad in torch.autograd.grad(total, inputs))


def test_in_mixed_precision_it_computes_like_the_whole_in_float32_sums():
    *inputs, targets = made(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = cross_entropy(linear(*inputs).float(), targets, reduction="sum")
        total = chunked_cross_entropy(*inputs, targets, rows=4)
    assert total.dtype == torch.float32
    assert torch.allclose(total, expected, rtol=1e-6)
    for one, two in zip(torch.autograd.grad(expected, inputs), torch.autograd.grad(total, inputs), strict=True):
        assert one.dtype == two.dtype
        assert torch.allclose(one, two, rtol=0.02, atol=0.02)


def test_right_guesses_are_counted_in_chunks():
    *inputs, targets = made()
    assert count_right(*inputs, targets, rows=4) == (linear(*inputs).argmax(1) == targets).sum()


def _peak(chunked, places, found):
    torch.set_num_threads(1)
    features, weight, bias, targets = made(places, vocab=20_000, size=8, dtype=torch.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if chunked:
        loss = chunked_cross_entropy(features, weight, bias, targets, rows=100)
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


def test_memory_does_not_grow_with_the_number_of_places():
    # 20,000 words x 2,000 places are 160 MB of scores, of which a training without chunks holds two and more.
    assert peak(False, 2000) > 300
    assert peak(True, 2000) < 60
