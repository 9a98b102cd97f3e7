"""Tasks: what a network predicts, with the loss, the metrics and the output layer.

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

Metrics = dict[str, Metric | MetricCollection]


class Task(ABC):
    """Loss, metrics, and conversion of raw scores to predictions.

    Attributes:
        out_features: Number of raw scores per sample.
        unit: Name of what is counted, in the plural, for reports.
        class_weights: Weight of each class in the loss; None: all 1, or no classes.
        temperature: What a classifier's raw scores are divided by in `predict`; 1 until it is calibrated.
    """

    out_features: int
    unit = "samples"
    class_weights: ClassWeights | None = None
    temperature = 1.0

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over the batch, a scalar, from raw scores (N, out_features)."""

    @abstractmethod
    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """Return the task's metrics, empty; `metric_inputs` returns the arguments of their `update`.

        Args:
            prefix: Prefix of their names: ``train/``.
            evaluation: Add metrics only for validation and test, and a confusion matrix.
            thorough: Add expensive metrics for the test.
        """

    @abstractmethod
    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """Return the arguments of the metrics' `update`, from a batch's loss, raw scores and targets."""

    def weight(self, targets: Tensor) -> Tensor | int:
        """Return the batch's weight in the mean loss, so that the mean over batches is the mean over samples."""
        return len(targets) if self.class_weights is None else self.class_weights.of(targets).sum()

    @abstractmethod
    def predict(self, outputs: Tensor) -> Tensor:
        """Return the prediction for each sample: probabilities (N, K), or numbers (N, O)."""


class Multiclass(Task):
    """Classification into K classes: softmax and cross-entropy, computed together from raw scores.

    Args:
        num_classes: Number of classes (K), at least 2.
        loss: ``cross_entropy``, with ``label_smoothing`` in brackets; None: without smoothing.
        class_weights: Weight of each class, above 0; None: all 1. The mean loss is Σ weight·loss / Σ weight, equal
            for class indices and for one-hot targets.
    """

    def __init__(self, num_classes: int, loss: str | None = None, class_weights: Sequence[float] | None = None) -> None:
        check_number("num_classes", num_classes, at_least=2)
        self.num_classes = self.out_features = num_classes
        self.class_weights = None if class_weights is None else ClassWeights(class_weights, num_classes)
        self.loss_function = make_loss("multiclass", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of raw scores (N, K) and class indices (N,), or class probabilities (N, K).

        Raises:
            ArgumentError: The targets have another shape.
        """
        if targets.dim() == 1 and not targets.is_floating_point():
            targets = targets.long()
        elif targets.shape == outputs.shape:
            targets = targets.to(outputs.dtype)
        else:
            expected = f"class indices (N,) or probabilities of the classes {tuple(outputs.shape)}"
            raise ArgumentError("targets", expected, tuple(targets.shape))
        if self.class_weights is None:
            return self.loss_function(outputs, targets)
        weights = self.class_weights.on(outputs.device).to(outputs.dtype)
        if targets.dim() == 1:
            return self.loss_function(outputs, targets, weight=weights)
        # torch divides by N here; with class indices it divides by the sum of the weights.
        total = self.loss_function(outputs, targets, weight=weights, reduction="sum")
        return total / self.class_weights.of(targets).sum()

    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """Return ``loss`` and ``accuracy``; thorough: ``f1``, the mean of the classes' F1 scores."""
        return _collection(_class_metrics(self.num_classes, evaluation, thorough), prefix)

    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """Return the arguments; for target probabilities, the class is the most likely one."""
        target = targets.argmax(dim=1) if targets.dim() == 2 else targets.long()
        return {"loss": loss, "weight": self.weight(targets), "preds": outputs, "target": target}

    def predict(self, outputs: Tensor) -> Tensor:
        """Return probabilities (N, K) by softmax."""
        return (outputs / self.temperature).softmax(dim=1)


class Binary(Task):
    """Classification into two classes: sigmoid and binary cross-entropy, computed together from one raw score.

    Args:
        loss: ``binary_cross_entropy``; None: the same.
        class_weights: Weights of class 0 and class 1, above 0; None: both 1. The mean loss is Σ weight·loss / Σ weight.
    """

    num_classes = 2
    out_features = 1

    def __init__(self, loss: str | None = None, class_weights: Sequence[float] | None = None) -> None:
        self.class_weights = None if class_weights is None else ClassWeights(class_weights, 2)
        self.loss_function = make_loss("binary", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the binary cross-entropy of raw scores (N, 1) and targets (N,): 0, 1 or the probability of 1."""
        targets = _shaped(targets, outputs)
        if self.class_weights is None:
            return self.loss_function(outputs, targets)
        weights = self.class_weights.of(targets).reshape(outputs.shape).to(outputs.dtype)
        return self.loss_function(outputs, targets, weight=weights, reduction="sum") / weights.sum()

    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """Return ``loss`` and ``accuracy``; for evaluation ``auroc``; thorough: ``f1``, the mean of both classes'."""
        auroc = {"auroc": ScoreAUROC(validate_args=False)} if evaluation else {}
        return _collection({**_class_metrics(2, evaluation, thorough), **auroc}, prefix)

    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """Return the arguments; a sample's only score is the logit of class 1."""
        scores = outputs.reshape(-1)
        target = (targets.reshape(-1) > 0.5).long()
        preds = (scores > 0).long()
        return {"loss": loss, "weight": self.weight(targets), "preds": preds, "target": target, "scores": scores}

    def predict(self, outputs: Tensor) -> Tensor:
        """Return probabilities (N, 2) of class 0 and class 1, by sigmoid."""
        positive = (outputs.reshape(-1, 1) / self.temperature).sigmoid()
        return torch.cat([1 - positive, positive], dim=1)


class Regression(Task):
    """Prediction of one or more numbers: identity output and, by default, mean squared error.

    Args:
        num_outputs: Numbers predicted per sample (O), at least 1.
        loss: ``mse``, ``l1``, ``smooth_l1`` (with ``beta`` in brackets) or ``huber`` (with ``delta``); None: ``mse``.
            The mean is over all numbers.
        std: Standard deviation of standardised targets: the loss is that of outputs and targets divided by it.
    """

    def __init__(self, num_outputs: int = 1, loss: str | None = None, std: float = 1.0) -> None:
        check_number("num_outputs", num_outputs, at_least=1)
        check_number("std", std, above=0)
        self.out_features, self.std = num_outputs, std
        self.loss_function = make_loss("regression", loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of outputs (N, O) and targets (N, O), or (N,) if O is 1."""
        targets = _shaped(targets, outputs)
        if self.std == 1:
            return self.loss_function(outputs, targets)
        return self.loss_function(outputs / self.std, targets / self.std)

    def metrics(self, prefix: str, evaluation: bool = False, thorough: bool = False) -> MetricCollection:
        """Return ``loss``, ``mae``, ``rmse`` and ``r2``."""
        return _collection({"loss": MeanLoss(), "errors": RegressionErrors(self.out_features)}, prefix)

    def metric_inputs(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        """Return loss, outputs and targets unchanged, with the number of samples as weight."""
        return {"loss": loss, "weight": len(targets), "preds": outputs, "target": targets}

    def predict(self, outputs: Tensor) -> Tensor:
        """Return the outputs (N, O) unchanged."""
        return outputs


def _class_metrics(num_classes: int, evaluation: bool, thorough: bool) -> Metrics:
    # Without argument checks, which would synchronise with a GPU at each batch.
    found: Metrics = {
        "loss": MeanLoss(),
        "accuracy": MulticlassAccuracy(num_classes, average="micro", validate_args=False),
    }
    if evaluation:
        found["confusion_matrix"] = MulticlassConfusionMatrix(num_classes, validate_args=False)
    if thorough:
        found["f1"] = MulticlassF1Score(num_classes, average="macro", validate_args=False)
    return found


def _collection(metrics: Metrics, prefix: str) -> MetricCollection:
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)


def _shaped(targets: Tensor, outputs: Tensor) -> Tensor:
    """Return targets in the shape and dtype of the outputs.

    Raises:
        ArgumentError: Their numbers of elements differ.
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
        loss: A loss of the task, by name, with arguments in brackets (see `dlcore.nn.make_loss`); None: the default.
        class_weights: Weight of each class in the loss; None: equal weights.

    Raises:
        UnknownNameError: Unknown task, or unknown loss of it.
        ArgumentError: The number of classes or the weights do not fit the task.
    """
    if name == "multiclass":
        if num_classes is None:
            remedy = "Pass it, or train with dlcore.runs.fit, which takes it from the data."
            raise ArgumentError("num_classes", "the number of classes", None, remedy)
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
