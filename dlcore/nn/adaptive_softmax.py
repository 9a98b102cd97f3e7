"""Adaptive softmax: rare words share a place among the frequent ones, and are told apart in fewer numbers.

The words, the most frequent first, are cut into a head and clusters. A first softmax chooses among the words of the
head and the clusters; within a cluster, a second one chooses the word, from features that were made fewer: a quarter of
them in the first cluster, a sixteenth in the second, and so on. Most words of a text are in the head, so that most
scores are never computed. It approximates the full softmax, whose rare words have all features.

Reference: Grave, Joulin, Cissé, Grangier and Jégou (2017), "Efficient softmax approximation for GPUs",
arXiv:1609.04309.

Shapes: M places, F features, V vocabulary; … places, such as (B, T).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError
from dlcore.nn.chunked_cross_entropy import chunked_cross_entropy

_FEWER = 4  # times as few features from one cluster to the next: torch's own choice


class AdaptiveSoftmax(nn.Module):
    """An output layer that gives logarithms of probabilities, and losses without computing all of them.

    The weights are those of torch.nn.AdaptiveLogSoftmaxWithLoss, with a bias in its head.

    Args:
        in_features: Features of a place (F), at least 4 to the number of clusters.
        vocab_size: Number of words (V), which are numbered by how frequent they are, the most frequent first.
        cutoffs: Numbers of the words at which clusters begin, growing, each from 1 to V - 1.

    Shape:
        - Input: features (…, F).
        - Output: logarithms of probabilities (…, V).

    Raises:
        ArgumentError: The cutoffs don't cut the words, or there are more clusters than the features allow.
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
        """Logarithms of the probabilities (…, V) of all words, which take all scores."""
        flat = features.reshape(-1, self.in_features)
        return self.layer.log_prob(flat).reshape(*features.shape[:-1], self.out_features)

    def cross_entropy(
        self, features: Tensor, targets: Tensor, ignore_index: int, rows: int, count: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropies in nats, and right guesses, summed over all places; of scores only those that are needed.

        Args:
            features: What the layer gets (M, F).
            targets: The words (M,); `ignore_index` where there is none.
            ignore_index: What stands where there is no target.
            rows: Places of a chunk, at least 1.
            count: Whether right guesses are counted.

        Returns:
            The sum of the losses, and how many of the targets are the likeliest word (0 unless `count`), scalars.
        """
        there = targets != ignore_index
        head, *bounds = self.layer.cutoffs
        chosen = targets  # of the head: a word, or the cluster that it is in
        total = torch.zeros((), device=features.device)
        for number, (begin, end) in enumerate(pairwise([head, *bounds])):
            among = ((targets >= begin) & (targets < end) & there).nonzero().squeeze(1)
            chosen = chosen.index_fill(0, among, head + number)
            cluster: nn.Sequential = self.layer.tail[number]  # type: ignore[assignment]
            fewer = cluster[0](features[among])
            weight: Tensor = cluster[1].weight  # type: ignore[assignment]
            total = total + chunked_cross_entropy(fewer, weight, None, targets[among] - begin, rows=rows)[0]
        layer = self.layer.head
        total = total + chunked_cross_entropy(features, layer.weight, layer.bias, chosen, ignore_index, rows)[0]
        right = torch.zeros((), dtype=torch.int64, device=features.device)
        if count:
            with torch.no_grad():
                for part, wanted in zip(features.split(rows), targets.split(rows), strict=True):
                    right += ((self.layer.predict(part) == wanted) & (wanted != ignore_index)).sum()
        return total, right
