"""Cross-entropy of an output layer with a large vocabulary, a chunk of places at a time.

The scores of a batch are M x V numbers, and training holds three such tables (scores, their logarithmic softmax, its
gradient): with 50,000 words and 2,000 places over a gigabyte. Here a chunk's loss and its gradients are computed
together in the forward pass, and the chunk forgotten: the same sums and the same multiplications, in the memory of one
chunk. Reference: the idea of computing the gradient with the loss is that of Wijmans et al. (2024), "Cut your losses in
large-vocabulary language models", arXiv:2411.09009.

Shapes: M places, F features, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

# Scores of a chunk. Fewer places than that, and reading and writing the weight's gradient for each chunk takes longer
# than the multiplication (on a CPU: 1.8 times the whole at 28 places, 1.07 at 230, 0.86 at 170 of 2,000).
_SCORES = {"cpu": 2**22, "cuda": 2**26}
_PLACES = 192


def chunk_rows(vocab_size: int, device: torch.device) -> int:
    """Places of a chunk (M), for a vocabulary of that size."""
    return max(_SCORES.get(device.type, 2**24) // vocab_size, _PLACES)


def chunked_cross_entropy(
    features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, ignore_index: int = -100, rows: int = 1024
) -> Tensor:
    """Sum of the cross-entropies in nats of the scores ``features @ weight.T + bias``, a scalar in float32 at least.

    Gradients reach features, weight and bias; a second derivative there is not.

    Args:
        features: What the output layer gets (M, F).
        weight: Its weight (V, F).
        bias: Its bias (V,).
        targets: The tokens (M,); `ignore_index` where there is none.
        ignore_index: What stands where there is no target.
        rows: Places of a chunk, at least 1.
    """
    total: Tensor = _ChunkedCrossEntropy.apply(features, weight, bias, targets, ignore_index, rows)
    return total


def count_right(features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, rows: int = 1024) -> Tensor:
    """How many of the targets have the highest score, a scalar; the arguments are those of `chunked_cross_entropy`."""
    right = torch.zeros((), dtype=torch.int64, device=features.device)
    for part, wanted in _chunks(features, targets, rows):
        right += (linear(part, weight, bias).argmax(dim=-1) == wanted).sum()
    return right


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, ignore_index: int, rows: int
    ) -> Tensor:
        kind = features.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else features.dtype
        exact = torch.promote_types(dtype, torch.float32)
        needed = any(ctx.needs_input_grad)
        own, scale = weight.to(dtype), bias.to(dtype)
        total = features.new_zeros((), dtype=exact)
        of_features = torch.empty_like(features) if needed else None
        of_weight = torch.zeros_like(weight) if needed else None
        of_bias = torch.zeros_like(bias) if needed else None
        with torch.autocast(kind, enabled=False):
            for number, (part, wanted) in enumerate(_chunks(features.to(dtype), targets, rows)):
                scores = linear(part, own, scale).to(exact)
                total += cross_entropy(scores, wanted, ignore_index=ignore_index, reduction="sum")
                if of_features is None or of_weight is None or of_bias is None:
                    continue
                # d/ds Σ -log softmax(s)[target] = softmax(s) - [target]; a place without target has none.
                there = wanted != ignore_index
                slope = scores.softmax(dim=-1)
                slope[torch.arange(len(wanted), device=wanted.device), wanted.clamp(min=0)] -= 1
                slope = slope.mul_(there.unsqueeze(1)).to(dtype)
                of_features[number * rows : number * rows + len(part)] = slope @ own
                if of_weight.dtype == dtype:
                    of_weight.addmm_(slope.mT, part)
                else:
                    of_weight += slope.mT @ part
                of_bias += slope.sum(0)
        ctx.save_for_backward(of_features, of_weight, of_bias)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        features, weight, bias = ctx.saved_tensors
        (factor,) = grads
        return *(each * factor.to(each.dtype) for each in (features, weight, bias)), None, None, None


def _chunks(features: Tensor, targets: Tensor, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(features.split(rows), targets.split(rows), strict=True)
