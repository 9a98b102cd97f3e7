"""What the outputs of a model are: raw scores of classes or numbers, with their targets and the loss of each sample.

Shapes: N samples, K classes, O outputs of a regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn.functional import cross_entropy

from dlcore.nn import Binary, Multiclass, Regression
from dlcore.translation import _


@dataclass(frozen=True)
class OutputReading:
    """Outputs and targets, as they were understood.

    Attributes:
        are_classes: Whether the outputs are scores of classes; else they are numbers.
        outputs: Raw scores (N, K), or (N, 1) for two classes; or numbers (N, O).
        targets: Classes (N,), or numbers (N, O).
        losses: Loss of each sample (N,).
        weights: Its weight in the mean loss (N,); None: 1.
        assumed: How they were understood if the model does not say so, a sentence; else empty.
    """

    are_classes: bool
    outputs: Tensor
    targets: Tensor
    losses: np.ndarray
    weights: np.ndarray | None = None
    assumed: str = ""


def read_outputs(model: Any, outputs: Tensor, targets: Tensor) -> OutputReading | None:
    """Return what finite outputs (N, …) are, by the model's task; without one, by their shape and their targets.

    Without a task, outputs are scores of classes if targets are whole numbers below the number of outputs, and raw
    scores unless they are probabilities that sum to 1. They are numbers if targets have their shape, and are not all 0
    or 1: those could be two classes.

    Returns:
        The reading; None if they could be several things.
    """
    task = getattr(model, "task", None)
    if not isinstance(task, Binary | Multiclass | Regression):
        return _by_shape(outputs, targets)
    rows = outputs.reshape(len(outputs), -1)
    wanted = targets if isinstance(task, Multiclass) else targets.reshape(rows.shape).to(rows.dtype)
    std = task.std if isinstance(task, Regression) else 1
    losses = task.loss_function(rows / std, wanted if std == 1 else wanted / std, reduction="none")
    losses = losses.reshape(len(rows), -1).double().mean(dim=1)
    if isinstance(task, Regression):
        return OutputReading(False, rows, wanted, losses.numpy())
    weights = None if task.class_weights is None else task.class_weights.of(targets).double().reshape(-1).numpy()
    classes = task.metric_inputs(losses.mean(), rows, targets)["target"]
    return OutputReading(True, rows, classes, losses.numpy(), weights)


def _by_shape(outputs: Tensor, targets: Tensor) -> OutputReading | None:
    scores, flat = outputs.reshape(len(outputs), -1), targets.reshape(len(targets), -1)
    count = scores.shape[1]
    whole = not targets.is_floating_point() and flat.shape[1] == 1
    if whole and count > 1 and int(flat.min()) >= 0 and int(flat.max()) < count:
        classes = flat.squeeze(1).long()
        if bool((scores >= 0).all()) and bool(((scores.sum(dim=1) - 1).abs() < 1e-3).all()):
            scores = scores.clamp_min(1e-12).log()  # probabilities
        losses = cross_entropy(scores.double(), classes, reduction="none")
        assumed = _("The outputs were read as scores of {n} classes.").format(n=count)
        return OutputReading(True, scores, classes, losses.numpy(), assumed=assumed)
    if not whole and flat.shape == scores.shape and not bool(((flat == 0) | (flat == 1)).all()):
        squares = ((scores - flat) ** 2).double().mean(dim=1)
        return OutputReading(
            False, scores, flat.float(), squares.numpy(), assumed=_("The outputs were read as predicted numbers.")
        )
    return None
