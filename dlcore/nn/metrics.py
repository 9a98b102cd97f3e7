"""Metrics that torchmetrics lacks or computes differently: sums on the device, reduced over processes.

Shapes: N batch, O outputs of a regression; … positions in a text, such as (B, T).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import BinaryAUROC
from torchmetrics.utilities.data import dim_zero_cat

# Bits to specify a character that no model knows: one of Unicode's code points.
SPELLING_BITS = math.log2(0x110000)


def sum_dtype() -> torch.dtype:
    """Return float64, which counts exactly up to 2^53; float32 on a machine with MPS, which has no float64."""
    return torch.float32 if torch.backends.mps.is_available() else torch.float64


class _Sums(Metric):
    """Metric whose sums keep their dtype when the network's dtype changes."""

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> Any:
        # Follow the device only: `to(torch.bfloat16)`, as in bf16-true, would also convert the sums.
        return super()._apply(
            lambda tensor: tensor.to(fn(tensor.new_zeros((), dtype=torch.float32)).device), *args, **kwargs
        )


class MeanLoss(_Sums):
    """Mean of the batches' mean losses: Σ weight·loss / Σ weight; NaN without batches."""

    full_state_update = False
    higher_is_better = False
    total: Tensor
    weight: Tensor

    def __init__(self, sync_on_compute: bool = True) -> None:
        super().__init__(sync_on_compute=sync_on_compute)
        for name in ("total", "weight"):
            self.add_state(name, torch.zeros((), dtype=sum_dtype()), dist_reduce_fx="sum")

    def update(self, loss: Tensor, weight: float | Tensor) -> None:
        """Add a batch's mean loss, a scalar, with its weight: its number of samples, or the sum of their weights."""
        loss = loss.detach()
        if isinstance(weight, Tensor):
            loss = torch.where(weight > 0, loss.to(self.total.dtype), 0.0)  # an empty batch has no mean
            self.total.addcmul_(loss, weight.to(self.total.dtype))
            self.weight.add_(weight)
        elif weight:  # an empty batch has no mean
            self.total.add_(loss, alpha=weight)
            self.weight.add_(weight)

    def compute(self) -> Tensor:
        """Return the mean, a scalar."""
        return self.total / self.weight


class RegressionErrors(_Sums):
    """``mae`` and ``rmse`` over all numbers, and ``r2``: 1 - Σe²/Σ(y-mean)² per output, averaged over the O outputs.

    r2 is NaN if an output's targets are all equal; all are NaN without batches.
    """

    full_state_update = False
    moments: Tensor  # Σ|e|, Σe², Σy and Σy² of each output, with error e and target y (4, O)
    count: Tensor  # of samples

    def __init__(self, num_outputs: int = 1) -> None:
        super().__init__()
        self.add_state("moments", torch.zeros(4, num_outputs, dtype=sum_dtype()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch: predictions (N, O) and targets (N, O), or (N,) if O is 1."""
        targets = target.reshape(preds.shape).to(self.moments.dtype)
        errors = preds.detach().to(self.moments.dtype) - targets
        self.moments.add_(torch.stack([errors.abs(), errors.square(), targets, targets.square()]).sum(dim=1))
        self.count.add_(len(preds))

    def compute(self) -> dict[str, Tensor]:
        """Return the three by name, and ``count``, the number of samples."""
        absolute, squares, total, total_squares = self.moments
        spread = total_squares - total.square() / self.count
        # For equal targets, only rounding errors remain.
        rounding = total_squares * self.count * torch.finfo(self.moments.dtype).eps
        spread = spread.masked_fill(spread <= rounding, math.nan)
        return {
            "mae": absolute.mean() / self.count,
            "rmse": (squares.mean() / self.count).sqrt(),
            "r2": (1 - squares / spread).mean(),
            "count": self.count,
        }


class ScoreAUROC(BinaryAUROC):
    """Probability that a sample of class 1 scores above one of class 0 (AUROC); NaN if a class is missing."""

    def update(self, scores: Tensor, target: Tensor) -> None:
        """Add a batch: raw scores (N,) and classes (N,)."""
        # Only the order matters. A sigmoid would saturate and make large scores equal.
        scores = scores.detach().to(sum_dtype())
        super().update((scores / (1 + scores.abs()) + 1) / 2, target)

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the samples of all processes."""
        if not len(self.target):
            # A process without samples must send the same dtypes as the others; torchmetrics would send float32.
            self.preds = [torch.zeros(0, dtype=sum_dtype(), device=self.device)]
            self.target = [torch.zeros(0, dtype=torch.int64, device=self.device)]
        super().sync(*args, **kwargs)

    def compute(self) -> Tensor:  # type: ignore[override]
        """Return the area, a scalar."""
        targets = dim_zero_cat(self.target) if len(self.target) else torch.zeros(0)
        if len(targets) == 0 or targets.min() == targets.max():
            return torch.tensor(math.nan, device=self.device)
        return super().compute()


class LanguageModelMetrics(_Sums):
    """Sums over tokens: nats, characters, unknown words, correct predictions. Positions without a target do not count.

    Perplexity is exp(loss), and depends on the vocabulary. Bits per character are all bits, including ends of
    documents and the spelling of unknown words (`SPELLING_BITS` for each of their characters), divided by all
    characters: they are comparable between vocabularies, and a model gains nothing by knowing fewer words.

    Args:
        accuracy: Whether to count correct predictions.
        unknown: Id of the unknown word.
        ignore_index: Marker of positions without a target.
    """

    full_state_update = False
    nats: Tensor
    counts: Tensor  # tokens, characters, unknown words, their characters, correct predictions (5,)

    def __init__(self, accuracy: bool = False, unknown: int = 0, ignore_index: int = -100) -> None:
        super().__init__()
        self.accuracy, self.unknown, self.ignore_index = accuracy, unknown, ignore_index
        self.add_state("nats", torch.zeros((), dtype=sum_dtype()), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(5, dtype=sum_dtype()), dist_reduce_fx="sum")

    def update(self, loss: Tensor, preds: Tensor, target: Tensor, characters: Tensor | None = None) -> None:
        """Add a batch: its mean loss in nats, its targets (…), and the number of characters of each; None: 1.

        preds are raw scores (…, V), used for the accuracy only; or the number of correct predictions, a scalar.
        """
        there = target != self.ignore_index
        tokens = there.sum()
        dtype = self.nats.dtype
        # A batch without targets has no mean.
        self.nats.addcmul_(torch.where(tokens > 0, loss.detach().to(dtype), 0.0), tokens.to(dtype))
        counted = there if characters is None else characters * there
        unknown = target == self.unknown
        right = torch.zeros_like(tokens)
        if self.accuracy:
            right = (preds.detach().argmax(dim=-1) == target).sum() if preds.dim() else preds
        sums = (tokens, counted.sum(dtype=dtype), unknown.sum(), (counted * unknown).sum(dtype=dtype), right)
        self.counts.add_(torch.stack([total.to(dtype) for total in sums]))

    def compute(self) -> dict[str, Tensor]:
        """Return the metrics by name; ``loss`` is in nats per token, ``count`` the number of tokens."""
        tokens, characters, unknown, spelled, right = self.counts
        loss = self.nats / tokens
        found = {
            "loss": loss,
            "perplexity": loss.exp(),
            "bits_per_character": (self.nats / math.log(2) + SPELLING_BITS * spelled) / characters,
            "unknown_share": unknown / tokens,
            "count": tokens,
        }
        return {**found, "accuracy": right / tokens} if self.accuracy else found
