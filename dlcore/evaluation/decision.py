"""What is decided on validation samples: the temperature of probabilities, and the threshold between two classes.

Shapes: N samples, K classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

CRITERIA = ("f1", "balanced_accuracy")
_COLDEST, _HOTTEST = 0.01, 100.0  # temperatures


def mean_loss(logits: Tensor, targets: Tensor, temperature: float | Tensor = 1.0) -> Tensor:
    """Return the mean cross-entropy in nats of logits (N, K), or (N, 1) for two classes, and classes (N,)."""
    if logits.shape[1] == 1:
        return binary_cross_entropy_with_logits(logits.squeeze(1) / temperature, targets.to(logits.dtype))
    return cross_entropy(logits / temperature, targets)


def probabilities_of(logits: Tensor, temperature: float = 1.0) -> np.ndarray:
    """Return the probabilities (N, K) of logits (N, K), or (N, 1) for two classes, in float64."""
    scaled = logits.double() / temperature
    if scaled.shape[1] == 1:
        return torch.cat([(-scaled).sigmoid(), scaled.sigmoid()], dim=1).numpy()
    return scaled.softmax(dim=1).numpy()


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature T with the least loss of logits/T: above 1 the probabilities were too sure.

    It changes no order and no most probable class.

    Args:
        logits: Raw scores (N, K), or (N, 1) for two classes.
        targets: Classes (N,).

    Returns:
        The temperature, from 0.01 to 100. Samples that are all right have their least loss at the lowest.

    Reference: Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", arXiv:1706.04599.
    """
    logits, log_temperature = logits.double(), torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = mean_loss(logits, targets, log_temperature.exp().clamp(_COLDEST, _HOTTEST))
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return float(log_temperature.detach().exp().clamp(_COLDEST, _HOTTEST))


def best_threshold(targets: np.ndarray, scores: np.ndarray, criterion: str) -> float:
    """Return the probability above which a sample is best taken for class 1.

    Args:
        targets: Classes, 0 and 1 (N,); both must occur.
        scores: Probabilities of class 1 (N,).
        criterion: What is maximised: ``f1``, of class 1, or ``balanced_accuracy``, the mean of both classes' recalls.

    Returns:
        The middle between two neighbouring probabilities, so that rounding does not matter.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    if criterion == "f1":
        precision, recall, cuts = precision_recall_curve(targets, scores)
        quality = 2 * precision[:-1] * recall[:-1] / np.maximum(precision[:-1] + recall[:-1], 1e-12)
    else:
        false_positives, true_positives, cuts = roc_curve(targets, scores, drop_intermediate=False)
        quality, cuts = true_positives[1:] - false_positives[1:], cuts[1:]  # the first cut is infinite
    cut = cuts[int(np.argmax(quality))]
    below = scores[scores < cut]
    return float((cut + (below.max() if len(below) else 0.0)) / 2)
