"""Tasks: what a network is asked to say, with the loss, the metrics and the output layer that go with it.

Shapes: N batch, K classes, O outputs of a regression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.tallies import ClassTally, RegressionTally, Tally


class Task(ABC):
    """A loss, a tally for its metrics, and how raw scores become an answer.

    Attributes:
        out_features: How many raw scores the network gives for a sample.
    """

    out_features: int

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the batch, a scalar, from raw scores (N, out_features)."""

    @abstractmethod
    def tally(self, device: torch.device | str) -> Tally:
        """An empty tally for this task's metrics."""

    @abstractmethod
    def predict(self, outputs: Tensor) -> Tensor:
        """The answer for each sample: probabilities (N, K), or numbers (N, O)."""


class Multiclass(Task):
    """One of K classes: softmax and cross-entropy, computed as one from raw scores.

    Args:
        num_classes: Number of classes (K), at least 2.
    """

    def __init__(self, num_classes: int) -> None:
        check_number("num_classes", num_classes, at_least=2)
        self.num_classes = self.out_features = num_classes

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of raw scores (N, K) and class indices (N,)."""
        return functional.cross_entropy(outputs, targets)

    def tally(self, device: torch.device | str) -> ClassTally:
        """A confusion matrix of K classes."""
        return ClassTally(self.num_classes, device)

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities (N, K) by softmax."""
        return outputs.softmax(dim=1)


class Binary(Task):
    """Yes or no: sigmoid and binary cross-entropy, computed as one from a single raw score."""

    num_classes = 2
    out_features = 1

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy of raw scores (N, 1) and targets 0 or 1 (N,)."""
        return functional.binary_cross_entropy_with_logits(outputs, targets.reshape(outputs.shape).to(outputs.dtype))

    def tally(self, device: torch.device | str) -> ClassTally:
        """A confusion matrix of two classes."""
        return ClassTally(2, device)

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities (N, 2) of class 0 and class 1, by sigmoid."""
        positive = outputs.reshape(-1, 1).sigmoid()
        return torch.cat([1 - positive, positive], dim=1)


class Regression(Task):
    """One or more numbers: identity output and mean squared error.

    Args:
        num_outputs: How many numbers are predicted for a sample (O), at least 1.
    """

    def __init__(self, num_outputs: int = 1) -> None:
        check_number("num_outputs", num_outputs, at_least=1)
        self.out_features = num_outputs

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error of (N, O) and (N, O), or (N,) where O is 1."""
        return functional.mse_loss(outputs, targets.reshape(outputs.shape).to(outputs.dtype))

    def tally(self, device: torch.device | str) -> RegressionTally:
        """Sums of errors and squares."""
        return RegressionTally(self.out_features, device)

    def predict(self, outputs: Tensor) -> Tensor:
        """The numbers themselves (N, O)."""
        return outputs


def make_task(name: str, num_classes: int | None) -> Task:
    """Make a task from its name.

    Args:
        name: ``multiclass``, ``binary`` or ``regression``.
        num_classes: Classes of a multiclass task; a binary task has 2; a regression's number of outputs (None: 1).

    Raises:
        UnknownNameError: There is no such task.
        ArgumentError: The number of classes does not fit the task.
    """
    if name == "multiclass":
        if num_classes is None:
            raise ArgumentError(
                "num_classes",
                "the number of classes",
                None,
                "Give it, or data that know it (`dlcore.runs` links them).",
            )
        return Multiclass(num_classes)
    if name == "binary":
        if num_classes not in (None, 2):
            raise ArgumentError("num_classes", "2 for task 'binary'", num_classes, "Use task 'multiclass' for more.")
        return Binary()
    if name == "regression":
        num_outputs = 1 if num_classes is None else num_classes
        check_number("num_classes", num_outputs, at_least=1)
        return Regression(num_outputs)
    raise UnknownNameError("task", name, ["multiclass", "binary", "regression"])
