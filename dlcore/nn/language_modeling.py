"""Language modelling: the task of predicting the next token, and adaptive softmax for large vocabularies.

Adaptive softmax divides the words, the most frequent first, into a head and clusters. A first softmax chooses among the
words of the head and the clusters; within a cluster, a second one chooses the word, from fewer features: a quarter in
the first cluster, a sixteenth in the second, and so on. Most words of a text are in the head, so most scores are never
computed. It approximates the full softmax, in which rare words have all features.

Reference: Grave, Joulin, Cissé, Grangier and Jégou (2017), "Efficient softmax approximation for GPUs",
arXiv:1609.04309.

Shapes: M positions, F features, V vocabulary; … positions, such as (B, T).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MetricCollection

from dlcore.errors import ArgumentError, check_number
from dlcore.nn.chunked_cross_entropy import chunked_cross_entropy
from dlcore.nn.metrics import LanguageModelMetrics
from dlcore.nn.tasks import Task

_FEWER = 4  # factor by which features shrink per cluster: torch's default


class AdaptiveSoftmax(nn.Module):
    """Output layer that returns log-probabilities, and losses without computing all of them.

    The weights are those of torch.nn.AdaptiveLogSoftmaxWithLoss, with a bias in its head.

    Args:
        in_features: Features per position (F), at least 4 to the power of the number of clusters.
        vocab_size: Number of words (V), numbered by frequency, the most frequent first.
        cutoffs: Word numbers at which clusters begin, ascending, each from 1 to V - 1.

    Shape:
        - Input: features (…, F).
        - Output: log-probabilities (…, V).

    Raises:
        ArgumentError: The cutoffs are invalid, or there are more clusters than the features allow.
    """

    def __init__(self, in_features: int, vocab_size: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, vocab_size
        whole = all(isinstance(number, int) and not isinstance(number, bool) for number in cutoffs)
        grow = whole and all(one < two for one, two in pairwise([0, *cutoffs, vocab_size]))
        if not cutoffs or not grow:
            expected = f"whole numbers that grow, each from 1 to {vocab_size - 1} (there are {vocab_size} words)"
            remedy = "For example a twentieth and a fifth of the vocabulary; leave it out for the full softmax."
            raise ArgumentError("adaptive_cutoffs", expected, list(cutoffs), remedy)
        if in_features < _FEWER ** len(cutoffs):
            expected = f"so few numbers that {in_features} features, divided by {_FEWER} for each, leave one"
            raise ArgumentError("adaptive_cutoffs", expected, list(cutoffs), "Take fewer cutoffs, or more features.")
        self.layer = nn.AdaptiveLogSoftmaxWithLoss(in_features, vocab_size, cutoffs, _FEWER, head_bias=True)
        nn.init.zeros_(self.layer.head.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return the log-probabilities (…, V) of all words. This computes all scores."""
        flat = features.reshape(-1, self.in_features)
        return self.layer.log_prob(flat).reshape(*features.shape[:-1], self.out_features)

    def cross_entropy(
        self, features: Tensor, targets: Tensor, ignore_index: int, rows: int, count: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Sum cross-entropies in nats and correct predictions over all positions, from only the scores needed.

        Takes the layer's input (M, F) and the words (M,), `ignore_index` at positions without a target; `rows`
        positions at a time. Returns the sum of the losses, and how many targets are the most likely word (0 unless
        `count`), scalars.
        """
        there = targets != ignore_index
        head, *bounds = self.layer.cutoffs
        chosen = targets  # target of the head: a word, or the word's cluster
        total = torch.zeros((), device=features.device)
        for number, (begin, end) in enumerate(pairwise([head, *bounds])):
            among = ((targets >= begin) & (targets < end) & there).nonzero().squeeze(1)
            chosen = chosen.index_fill(0, among, head + number)
            cluster = cast(nn.Sequential, self.layer.tail[number])
            fewer, words = cluster[0](features[among]), cast(nn.Linear, cluster[1])
            total = total + chunked_cross_entropy(fewer, words.weight, None, targets[among] - begin, rows=rows)[0]
        layer = self.layer.head
        total = total + chunked_cross_entropy(features, layer.weight, layer.bias, chosen, ignore_index, rows)[0]
        right = torch.zeros((), dtype=torch.int64, device=features.device)
        if count:
            with torch.no_grad():
                for part, wanted in zip(torch.split(features, rows), torch.split(targets, rows), strict=True):
                    right += ((self.layer.predict(part) == wanted) & (wanted != ignore_index)).sum()
        return total, right


class LanguageModeling(Task):
    """Prediction of the next token, one of V: softmax and cross-entropy over all positions with a target.

    Args:
        vocab_size: Number of tokens (V), at least 2.
        unknown: Id of the unknown word, whose share is counted.
        ignore_index: Marker of positions without a target.
    """

    unit = "tokens"

    def __init__(self, vocab_size: int, unknown: int = 0, ignore_index: int = -100) -> None:
        check_number("vocab_size", vocab_size, at_least=2, whole=True)
        self.out_features = vocab_size
        self.unknown, self.ignore_index = unknown, ignore_index

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy in nats of raw scores (…, V) over positions with a target (…); 0 without any.

        Compute in float32 at least: float16 cannot hold the sum over a batch.
        """
        flat = targets.reshape(-1)
        scores = outputs.reshape(-1, self.out_features).to(torch.promote_types(outputs.dtype, torch.float32))
        total = cross_entropy(scores, flat, ignore_index=self.ignore_index, reduction="sum")
        return total / (flat != self.ignore_index).sum().clamp(min=1)

    def loss_of_features(
        self, features: Tensor, output: nn.Linear | AdaptiveSoftmax, targets: Tensor, rows: int, count: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return the loss from the output layer's input (…, F), `rows` positions at a time, without a full score table.

        Returns:
            The loss, and how many targets have the highest score (0 unless `count`), scalars.
        """
        flat = targets.reshape(-1)
        features = features.reshape(-1, features.shape[-1])
        if isinstance(output, AdaptiveSoftmax):
            total, right = output.cross_entropy(features, flat, self.ignore_index, rows, count)
        else:
            layer = (features, output.weight, output.bias)
            total, right = chunked_cross_entropy(*layer, flat, self.ignore_index, rows, count)
        return total / (flat != self.ignore_index).sum().clamp(min=1), right

    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """Return ``loss``, ``perplexity``, ``bits_per_character``, ``unknown_share``; for evaluation ``accuracy``."""
        metric = LanguageModelMetrics(evaluation, self.unknown, self.ignore_index)
        return MetricCollection({"tokens": metric}, prefix=prefix, compute_groups=False)

    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """Return loss, scores and targets unchanged. The model adds the characters."""
        return {"loss": loss, "preds": outputs, "target": targets}

    def weight(self, targets: Tensor) -> Tensor | int:
        """Return the number of tokens with a target."""
        return (targets != self.ignore_index).sum()

    def predict(self, outputs: Tensor) -> Tensor:
        """Return probabilities (…, V) by softmax."""
        return outputs.softmax(dim=-1)
