"""The task of a language model: predict the next token.

Shapes: V vocabulary; … positions, such as (B, T).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MetricCollection

from dlcore.errors import check_number
from dlcore.nn.adaptive_softmax import AdaptiveSoftmax
from dlcore.nn.chunked_cross_entropy import chunked_cross_entropy
from dlcore.nn.metrics import LanguageModelMetrics
from dlcore.nn.tasks import Task


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
