"""Tasks: what a network is asked to say, with the loss, the metrics and the output layer that go with it.

Shapes: N batch, K classes, O outputs of a regression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.class_tallies import BinaryTally, ClassTally
from dlcore.nn.losses import ClassWeights, make_loss
from dlcore.nn.tallies import RegressionTally, Tally


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
    def tally(self, device: torch.device | str, evaluation: bool = False) -> Tally:
        """An empty tally for this task's metrics.

        Args:
            device: Where it adds up.
            evaluation: Also for the metrics that validation and test have and training has not, since they cost memory.
        """

    @abstractmethod
    def predict(self, outputs: Tensor) -> Tensor:
        """The answer for each sample: probabilities (N, K), or numbers (N, O)."""


class Multiclass(Task):
    """One of K classes: softmax and cross-entropy, computed as one from raw scores.

    Args:
        num_classes: Number of classes (K), at least 2.
        loss: ``cross_entropy``, with ``label_smoothing`` in brackets; None is without.
        class_weights: How much a sample of each class counts, above 0; None counts all as 1. The mean loss is
            Σ weight·loss / Σ weight, the same for class indices as for one-hot targets.
    """

    def __init__(self, num_classes: int, loss: str | None = None, class_weights: Sequence[float] | None = None) -> None:
        check_number("num_classes", num_classes, at_least=2)
        self.num_classes = self.out_features = num_classes
        self.class_weights = None if class_weights is None else ClassWeights(class_weights, num_classes)
        self._loss = make_loss("multiclass", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of raw scores (N, K) and class indices (N,), or probabilities of the classes (N, K).

        Raises:
            ArgumentError: The targets have another shape.
        """
        weights = None if self.class_weights is None else self.class_weights.on(outputs.device).to(outputs.dtype)
        if targets.dim() == 1 and not targets.is_floating_point():
            return self._loss(outputs, targets.long(), weight=weights)
        if targets.shape != outputs.shape:
            expected = f"class indices (N,) or probabilities of the classes {tuple(outputs.shape)}"
            raise ArgumentError("targets", expected, tuple(targets.shape))
        targets = targets.to(outputs.dtype)
        if weights is None:
            return self._loss(outputs, targets)
        # torch would divide by N and not, as with class indices, by the sum of the weights.
        total = self._loss(outputs, targets, weight=weights, reduction="sum")
        return total / self.class_weights.of(targets).sum()  # type: ignore[union-attr]

    def tally(self, device: torch.device | str, evaluation: bool = False) -> ClassTally:
        """A confusion matrix of K classes."""
        return ClassTally(self.num_classes, device, self.class_weights)

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities (N, K) by softmax."""
        return outputs.softmax(dim=1)


class Binary(Task):
    """Yes or no: sigmoid and binary cross-entropy, computed as one from a single raw score.

    Args:
        loss: ``binary_cross_entropy``, which is also None.
        class_weights: How much a sample of class 0 and one of class 1 count, above 0; None counts both as 1. The mean
            loss is Σ weight·loss / Σ weight.
    """

    num_classes = 2
    out_features = 1

    def __init__(self, loss: str | None = None, class_weights: Sequence[float] | None = None) -> None:
        self.class_weights = None if class_weights is None else ClassWeights(class_weights, 2)
        self._loss = make_loss("binary", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy of raw scores (N, 1) and targets (N,): 0, 1 or the probability of 1."""
        targets = _shaped(targets, outputs)
        if self.class_weights is None:
            return self._loss(outputs, targets)
        weights = self.class_weights.of(targets).reshape(outputs.shape).to(outputs.dtype)
        return self._loss(outputs, targets, weight=weights, reduction="sum") / weights.sum()

    def tally(self, device: torch.device | str, evaluation: bool = False) -> ClassTally:
        """A confusion matrix of two classes; in an evaluation also the scores, for AUROC."""
        return (BinaryTally if evaluation else ClassTally)(2, device, self.class_weights)

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities (N, 2) of class 0 and class 1, by sigmoid."""
        positive = outputs.reshape(-1, 1).sigmoid()
        return torch.cat([1 - positive, positive], dim=1)


class Regression(Task):
    """One or more numbers: identity output and, if no other loss is chosen, mean squared error.

    Args:
        num_outputs: How many numbers are predicted for a sample (O), at least 1.
        loss: ``mse``, ``l1``, ``smooth_l1`` (with ``beta`` in brackets) or ``huber`` (with ``delta``); None is ``mse``.
            The mean is over all numbers.
    """

    def __init__(self, num_outputs: int = 1, loss: str | None = None) -> None:
        check_number("num_outputs", num_outputs, at_least=1)
        self.out_features = num_outputs
        self._loss = make_loss("regression", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of (N, O) and (N, O), or (N,) where O is 1."""
        return self._loss(outputs, _shaped(targets, outputs))

    def tally(self, device: torch.device | str, evaluation: bool = False) -> RegressionTally:
        """Sums of errors and squares."""
        return RegressionTally(self.out_features, device)

    def predict(self, outputs: Tensor) -> Tensor:
        """The numbers themselves (N, O)."""
        return outputs


def _shaped(targets: Tensor, outputs: Tensor) -> Tensor:
    """Targets in the outputs' shape and type.

    Raises:
        ArgumentError: They are more or fewer numbers.
    """
    if targets.numel() != outputs.numel():
        raise ArgumentError("targets", f"as many numbers as outputs, {tuple(outputs.shape)}", tuple(targets.shape))
    return targets.reshape(outputs.shape).to(outputs.dtype)


def make_task(
    name: str, num_classes: int | None, loss: str | None = None, class_weights: Sequence[float] | None = None
) -> Task:
    """Make a task from its name.

    Args:
        name: ``multiclass``, ``binary`` or ``regression``.
        num_classes: Classes of a multiclass task; a binary task has 2; a regression's number of outputs (None: 1).
        loss: A loss of the task, by name, with arguments in brackets (see `dlcore.nn.make_loss`); None: its usual one.
        class_weights: How much a sample of each class counts in the loss; None: all the same.

    Raises:
        UnknownNameError: There is no such task, or it has no such loss.
        ArgumentError: The number of classes or the weights do not fit the task.
    """
    if name == "multiclass":
        if num_classes is None:
            raise ArgumentError(
                "num_classes",
                "the number of classes",
                None,
                "Give it, or data that know it (`dlcore.runs` links them).",
            )
        return Multiclass(num_classes, loss, class_weights)
    if name == "binary":
        if num_classes not in (None, 2):
            raise ArgumentError("num_classes", "2 for task 'binary'", num_classes, "Use task 'multiclass' for more.")
        return Binary(loss, class_weights)
    if name == "regression":
        num_outputs = 1 if num_classes is None else num_classes
        check_number("num_classes", num_outputs, at_least=1)
        if class_weights is not None:
            raise ArgumentError("class_weights", "null for task 'regression', which has no classes", class_weights)
        return Regression(num_outputs, loss)
    raise UnknownNameError("task", name, ["multiclass", "binary", "regression"])
