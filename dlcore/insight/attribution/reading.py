"""How a network's outputs are read as an answer: a class with its probability, or a number.

Shapes: N samples, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from dlcore.nn import Binary, Multiclass, Regression

_NEARLY = 1e-3  # by how much the sum of probabilities may differ from 1


@dataclass(frozen=True)
class Reading:
    """How outputs (N, K) are read.

    Attributes:
        task: What the network was trained for.
        are_probabilities: Whether the outputs of a classifier are probabilities, not raw scores.
        temperature: Divisor of raw scores, above 0, by which probabilities were calibrated.
    """

    task: Literal["multiclass", "binary", "regression"]
    are_probabilities: bool = False
    temperature: float = 1.0

    @classmethod
    def of(cls, model: nn.Module, outputs: Tensor, targets: Tensor | None = None) -> Reading:
        """Return how a network's outputs are read: by its `task`, or by its targets.

        Args:
            model: The network.
            outputs: Some of its outputs (N, K).
            targets: Their targets: whole numbers are classes, others a regression's. None: classes.
        """
        task = getattr(model, "task", None)
        if isinstance(task, Regression) or (targets is not None and targets.is_floating_point()):
            return cls("binary" if isinstance(task, Binary) else "regression")
        if isinstance(task, Multiclass | Binary):
            return cls("binary" if isinstance(task, Binary) else "multiclass", temperature=task.temperature)
        within = bool(((outputs >= 0) & (outputs <= 1)).all())
        if outputs.shape[1] == 1:
            return cls("binary", within)
        return cls("multiclass", within and bool(((outputs.sum(1) - 1).abs() < _NEARLY).all()))

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class (N, classes); of a regression its outputs unchanged."""
        if self.task == "regression":
            return outputs
        if self.task == "binary":
            positive = outputs if self.are_probabilities else (outputs / self.temperature).sigmoid()
            return torch.cat([1 - positive, positive], dim=1)
        return outputs if self.are_probabilities else (outputs / self.temperature).softmax(1)

    def answers(self, outputs: Tensor) -> Tensor:
        """Return the most probable class of each sample (N,); of a regression 0, its first output."""
        shares = self.probabilities(outputs)
        return shares.new_zeros(len(shares), dtype=torch.long) if self.task == "regression" else shares.argmax(1)

    def strength(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Return the probability of an answer (N,); of a regression the output itself."""
        return self.probabilities(outputs).gather(1, answers.view(-1, 1)).squeeze(1)

    def evidence(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Return the log odds of an answer (N,), log p/(1 - p); of a regression the output itself.

        Of several classes with scores s they are s_k - log Σ exp s_j over the other classes j.
        """
        if self.task == "regression":
            return outputs.gather(1, answers.view(-1, 1)).squeeze(1)
        if self.task == "binary":
            odds = outputs[:, 0].logit(1e-6) if self.are_probabilities else outputs[:, 0]
            return torch.where(answers == 1, odds, -odds)
        scores = outputs.clamp_min(1e-12).log() if self.are_probabilities else outputs
        own = torch.zeros_like(scores, dtype=torch.bool).scatter(1, answers.view(-1, 1), True)
        return scores[own] - scores.masked_fill(own, -torch.inf).logsumexp(1)
