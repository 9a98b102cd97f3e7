"""Cross-entropy of an output layer with a large vocabulary, computed in chunks of positions.

The scores of a batch are M x V numbers, and training holds three such tables (scores, log-softmax, gradient): over a
gigabyte for 50,000 words and 2,000 positions. Here, the forward pass computes the loss and the gradients of a chunk
together, in one table that all chunks reuse: the same sums and multiplications, in the memory of one chunk. The table
is never normalised: its divisor, one number per position, divides the smaller factor or the smaller product instead.
Reference: computing the gradient with the loss follows Wijmans et al. (2024), "Cut your losses in large-vocabulary
language models", arXiv:2411.09009.

Shapes: M positions, F features, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

# Number of scores per chunk, and minimum number of positions. With fewer positions, reading and writing the weight's
# gradient per chunk takes longer than the multiplication (total time on a CPU: 1.3 times at 64, 1.06 at 192).
_SCORES = {"cpu": 2**22, "cuda": 2**26}
_PLACES = 384
_WHOLE = 4  # up to so many chunks (67 MB on a CPU, a gigabyte on a GPU), compute all scores at once

# Scores that a CPU core processes in several passes: they fit in its cache (a megabyte).
_CACHED = 2**18


def chunk_rows(places: int, vocab_size: int, device: torch.device) -> int:
    """Return the positions per chunk for a total of `places`; 0 if all scores can be computed at once."""
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
    """Sum cross-entropies in nats of ``features @ weight.T + bias`` and correct predictions over all positions.

    Gradients flow to features, weight and bias; there is no second derivative.

    Args:
        features: Input of the output layer (M, F).
        weight: Its weight (V, F).
        bias: Its bias (V,); None without a bias.
        targets: The tokens (M,); `ignore_index` at positions without a target.
        ignore_index: Marker of positions without a target.
        rows: Positions per chunk, at least 1.
        count: Whether to count correct predictions, which reads all scores.

    Returns:
        The sum of the losses, a scalar in float32 at least, and how many targets have the highest score (0 unless
        `count`), an int64 scalar.
    """
    device = features.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
    given = (features, weight, bias, targets, _Kind(ignore_index, rows, count, dtype))
    # An autograd function does not know whether gradients are enabled: it would compute them in an evaluation, too.
    if not torch.is_grad_enabled():
        return _sums(*given)[:2]
    found: tuple[Tensor, Tensor] = _ChunkedCrossEntropy.apply(*given)
    return found


@dataclass(frozen=True)
class _Kind:
    """Settings of a pass over the chunks, kept for a second backward pass, outside autocast."""

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
        # Return the gradients scaled in place: a copy of the weight's gradient would be as large as the weight. A
        # second backward pass over a retained graph computes them again.
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
    """Return the sum of the losses, the number of correct predictions (0 unless counted), and the wanted gradients."""
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
            # d/ds Σ -log softmax(s)[target] = softmax(s) - [target]. The table holds that times `sums`; `share` is 0 at
            # positions without a target.
            scores[place, column] -= sums
            share = sums.reciprocal().masked_fill_(absent, 0).unsqueeze(1)
            if of_bias is not None:
                of_bias += (scores.mT @ share).squeeze(1)
            if dtype == exact:
                slope = scores
            else:  # half precision cannot hold such sums: divide the table itself
                slope, share = torch.mul(scores, share, out=held), torch.ones_like(share)
            if of_features is not None:
                of_features[begin : begin + kind.rows] = (slope @ table).mul_(share)
            if of_weight is not None and of_weight.dtype == dtype:
                of_weight.addmm_(slope.mT, (part * share).to(dtype))
            elif of_weight is not None:
                of_weight += slope.mT @ (part * share).to(dtype)
    return total, right, grads


def _exponentials(scores: Tensor, bias: Tensor | None, column: Tensor, count: bool) -> tuple[Tensor, ...]:
    """Add the bias to scores (M, V), subtract each row's maximum and take the exponential, in place.

    Returns:
        The scores in `column`, the row maxima, the sums of the exponentials, and the columns of the maxima (-1 unless
        `count`), each (M,).
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
