"""Cross-entropy of an output layer with a large vocabulary, a chunk of places at a time.

The scores of a batch are M x V numbers, and training holds three such tables (scores, their logarithmic softmax, its
gradient): with 50,000 words and 2,000 places over a gigabyte. Here a chunk's loss and its gradients are computed
together in the forward pass, in one table that the next chunk takes over: the same sums and the same multiplications,
in the memory of one chunk. The table is never normalised: what divides it, a number for each place, divides the smaller
factor or the smaller product instead. Reference: the idea of computing the gradient with the loss is that of Wijmans et
al. (2024), "Cut your losses in large-vocabulary language models", arXiv:2411.09009.

Shapes: M places, F features, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

# Scores of a chunk: so many, and at least those of so many places. With fewer places, reading and writing the weight's
# gradient for each chunk takes longer than the multiplication (on a CPU: 1.3 times the whole at 64, 1.06 at 192).
_SCORES = {"cpu": 2**22, "cuda": 2**26}
_PLACES = 384
_WHOLE = 4  # chunks' scores (67 MB on a CPU, a gigabyte on a GPU) that may as well be there at once

# Scores that a CPU's core passes over several times in a row: they stay in its cache (a megabyte).
_CACHED = 2**18


def chunk_rows(places: int, vocab_size: int, device: torch.device) -> int:
    """Places of a chunk, of so many in all; 0 where their scores are few enough to be computed all at once."""
    scores = _SCORES.get(device.type, 2**24)
    return max(scores // vocab_size, _PLACES) if places * vocab_size > _WHOLE * scores else 0


def chunked_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    ignore_index: int = -100,
    rows: int = 1024,
    count: bool = False,
) -> tuple[Tensor, Tensor]:
    """Cross-entropies in nats of the scores ``features @ weight.T + bias``, and right guesses, summed over all places.

    Gradients reach features, weight and bias; a second derivative there is not.

    Args:
        features: What the output layer gets (M, F).
        weight: Its weight (V, F).
        bias: Its bias (V,); None where it has none.
        targets: The tokens (M,); `ignore_index` where there is none.
        ignore_index: What stands where there is no target.
        rows: Places of a chunk, at least 1.
        count: Whether right guesses are counted, which takes a look at all scores.

    Returns:
        The sum of the losses, a scalar in float32 at least, and how many of the targets have the highest score (0
        unless `count`), an int64 scalar.
    """
    device = features.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
    given = (features, weight, bias, targets, _Kind(ignore_index, rows, count, dtype))
    # A function of autograd's is not told that nobody wants gradients, and would compute them in an evaluation, too.
    if not torch.is_grad_enabled():
        return _sums(*given)[:2]
    found: tuple[Tensor, Tensor] = _ChunkedCrossEntropy.apply(*given)
    return found


@dataclass(frozen=True)
class _Kind:
    """What a pass over the chunks goes by: also that of a second backward pass, outside of any autocast."""

    ignore_index: int
    rows: int
    count: bool
    dtype: torch.dtype


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, kind: _Kind
    ) -> tuple[Tensor, Tensor]:
        ctx.kind = kind
        ctx.save_for_backward(features, weight, bias, targets)
        total, right, ctx.grads = _sums(features, weight, bias, targets, kind, ctx.needs_input_grad[:3])
        ctx.mark_non_differentiable(right)
        return total, right

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, factor: Tensor, _: Any) -> tuple[Any, ...]:
        # They are given away, scaled in place: a copy of the weight's would be as large as the weight. Who goes back a
        # second time, over a graph that was retained, has them computed anew.
        grads, ctx.grads = ctx.grads, None
        if grads is None:
            features, weight, bias, targets = ctx.saved_tensors
            *_, grads = _sums(features, weight, bias, targets, ctx.kind, ctx.needs_input_grad[:3])
        return *(grad if grad is None else grad.mul_(factor.to(grad.dtype)) for grad in grads), None, None


def _sums(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    kind: _Kind,
    wanted: tuple[bool, ...] = (False, False, False),
) -> tuple[Tensor, Tensor, tuple[Tensor | None, ...]]:
    """Sum of the losses, number of right guesses (0 unless counted), and the gradients that are wanted."""
    dtype = kind.dtype
    exact = torch.promote_types(dtype, torch.float32)
    total = features.new_zeros((), dtype=exact)
    right = torch.zeros((), dtype=torch.int64, device=features.device)
    of_features, of_weight, of_bias = grads = tuple(
        torch.zeros_like(tensor) if there and tensor is not None else None
        for tensor, there in zip((features, weight, bias), wanted, strict=True)
    )
    with torch.autocast(features.device.type, enabled=False):
        table, offset = weight.to(dtype), None if bias is None else bias.to(dtype)
        kept = features.new_empty((min(kind.rows, len(features)), len(weight)), dtype=dtype)
        for begin in range(0, len(features), kind.rows):
            part = features[begin : begin + kind.rows].to(dtype)
            tokens = targets[begin : begin + kind.rows]
            absent = tokens == kind.ignore_index
            place, column = torch.arange(len(part), device=part.device), tokens.masked_fill(absent, 0)
            held = kept[: len(part)]
            if dtype == exact:
                scores, missing = torch.mm(part, table.mT, out=held), offset
            else:
                scores, missing = linear(part, table, offset).to(exact), None
            own, highest, sums, guess = _exponentials(scores, missing, column, kind.count)
            total += (sums.log() + highest - own).masked_fill_(absent, 0).sum()
            right += ((guess == tokens) & ~absent).sum()
            if not any(wanted):
                continue
            # d/ds Σ -log softmax(s)[target] = softmax(s) - [target]. The table has that times `sums`; a place without
            # target has none.
            scores[place, column] -= sums
            share = sums.reciprocal().masked_fill_(absent, 0).unsqueeze(1)
            if of_bias is not None:
                of_bias += (scores.mT @ share).squeeze(1)
            if dtype == exact:
                slope = scores
            else:  # half precision does not hold such sums: there the table itself is divided
                slope, share = torch.mul(scores, share, out=held), torch.ones_like(share)
            if of_features is not None:
                of_features[begin : begin + kind.rows] = (slope @ table).mul_(share)
            if of_weight is not None and of_weight.dtype == dtype:
                of_weight.addmm_(slope.mT, (part * share).to(dtype))
            elif of_weight is not None:
                of_weight += slope.mT @ (part * share).to(dtype)
    return total, right, grads


def _exponentials(scores: Tensor, bias: Tensor | None, column: Tensor, count: bool) -> tuple[Tensor, ...]:
    """Add the bias to scores (M, V) and take the exponential of what they are below their row's highest, in place.

    Returns:
        The scores in `column`, the highest ones, the sums of the exponentials, and where the highest ones are (-1
        everywhere unless `count`), each (M,).
    """
    places, vocab_size = scores.shape
    few = max(_CACHED * torch.get_num_threads() // vocab_size, 1) if scores.device.type == "cpu" else max(places, 1)
    own, highest, sums = (scores.new_empty(places) for _ in range(3))
    guess = torch.full_like(column, -1)
    for begin in range(0, places, few):
        part = slice(begin, begin + few)
        block = scores[part]
        if bias is not None:
            block += bias
        own[part] = block.gather(1, column[part].unsqueeze(1)).squeeze(1)
        if count:
            highest[part], guess[part] = block.max(dim=1)
        else:
            highest[part] = block.amax(dim=1)
        sums[part] = block.sub_(highest[part].unsqueeze(1)).exp_().sum(dim=1)
    return own, highest, sums, guess
