"""Tasks: what a network is asked to say, with the loss, the metrics and the output layer that go with it.

Shapes: N batch, K classes, O outputs of a regression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassF1Score

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.losses import ClassWeights, make_loss
from dlcore.nn.metrics import MeanLoss, RegressionErrors, ScoreAUROC


class Task(ABC):
    """A loss, its metrics, and how raw scores become an answer.

    Attributes:
        out_features: How many raw scores the network gives for a sample.
        unit: What is counted, in the plural, for reports.
    """

    out_features: int
    unit = "samples"

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the batch, a scalar, from raw scores (N, out_features)."""

    @abstractmethod
    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """The task's metrics with nothing added yet; `metric_inputs` says what their `update` takes.

        Args:
            prefix: Goes before their names: ``train/``.
            evaluation: Also those that validation and test have and training has not, and a confusion matrix.
            thorough: Also those that cost more and are looked at once, at test time.
        """

    @abstractmethod
    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """What the metrics are updated with: a batch's loss, raw scores and targets, each as they take it."""

    def weight(self, targets: Tensor) -> Tensor | int:
        """How much a batch counts in the mean loss: so the mean of batches is that of their samples."""
        return len(targets)

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
        self.loss_function = make_loss("multiclass", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of raw scores (N, K) and class indices (N,), or probabilities of the classes (N, K).

        Raises:
            ArgumentError: The targets have another shape.
        """
        weights = None if self.class_weights is None else self.class_weights.on(outputs.device).to(outputs.dtype)
        if targets.dim() == 1 and not targets.is_floating_point():
            return self.loss_function(outputs, targets.long(), weight=weights)
        if targets.shape != outputs.shape:
            expected = f"class indices (N,) or probabilities of the classes {tuple(outputs.shape)}"
            raise ArgumentError("targets", expected, tuple(targets.shape))
        targets = targets.to(outputs.dtype)
        if weights is None:
            return self.loss_function(outputs, targets)
        # torch would divide by N and not, as with class indices, by the sum of the weights.
        total = self.loss_function(outputs, targets, weight=weights, reduction="sum")
        return total / self.class_weights.of(targets).sum()  # type: ignore[union-attr]

    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """``loss`` and ``accuracy``; thorough: ``f1``, the mean of the classes' F1 scores."""
        return _collection(_class_metrics(self.num_classes, evaluation, thorough), prefix)

    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """The class of a target that is probabilities is the likeliest."""
        target = targets.argmax(dim=1) if targets.dim() == 2 else targets.long()
        return {"loss": loss, "weight": _weight(self.class_weights, targets), "preds": outputs, "target": target}

    def weight(self, targets: Tensor) -> Tensor | int:
        """The sum of the samples' weights."""
        return _weight(self.class_weights, targets)

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
        self.loss_function = make_loss("binary", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy of raw scores (N, 1) and targets (N,): 0, 1 or the probability of 1."""
        targets = _shaped(targets, outputs)
        if self.class_weights is None:
            return self.loss_function(outputs, targets)
        weights = self.class_weights.of(targets).reshape(outputs.shape).to(outputs.dtype)
        return self.loss_function(outputs, targets, weight=weights, reduction="sum") / weights.sum()

    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """``loss`` and ``accuracy``; in an evaluation also ``auroc``; thorough: ``f1``, the mean of both classes'."""
        auroc = {"auroc": ScoreAUROC(validate_args=False)} if evaluation else {}
        return _collection({**_class_metrics(2, evaluation, thorough), **auroc}, prefix)

    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """A single score a sample is the logit of class 1."""
        scores = outputs.reshape(-1)
        target = (targets.reshape(-1) > 0.5).long()
        weight = _weight(self.class_weights, targets)
        preds = (scores > 0).long()
        return {"loss": loss, "weight": weight, "preds": preds, "target": target, "scores": scores}

    def weight(self, targets: Tensor) -> Tensor | int:
        """The sum of the samples' weights."""
        return _weight(self.class_weights, targets)

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
        self.loss_function = make_loss("regression", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of (N, O) and (N, O), or (N,) where O is 1."""
        return self.loss_function(outputs, _shaped(targets, outputs))

    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """``loss``, ``mae``, ``rmse`` and ``r2``."""
        return _collection({"loss": MeanLoss(), "errors": RegressionErrors(self.out_features)}, prefix)

    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """The numbers as they are."""
        return {"loss": loss, "weight": len(targets), "preds": outputs, "target": targets}

    def predict(self, outputs: Tensor) -> Tensor:
        """The numbers themselves (N, O)."""
        return outputs


def _class_metrics(num_classes: int, evaluation: bool, thorough: bool) -> dict[str, Metric]:
    # Their checks of the values would wait for a GPU at each batch.
    found: dict[str, Metric] = {
        "loss": MeanLoss(),
        "accuracy": MulticlassAccuracy(num_classes, average="micro", validate_args=False),
    }
    if evaluation:
        found["confusion_matrix"] = MulticlassConfusionMatrix(num_classes, validate_args=False)
    if thorough:
        found["f1"] = MulticlassF1Score(num_classes, average="macro", validate_args=False)
    return found


def _collection(metrics: dict[str, Metric], prefix: str) -> MetricCollection:
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)  # type: ignore[arg-type]


def _weight(class_weights: ClassWeights | None, targets: Tensor) -> Tensor | int:
    """How much a batch counts in the mean loss: so the mean of batches is that of their samples."""
    return len(targets) if class_weights is None else class_weights.of(targets).sum()


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
