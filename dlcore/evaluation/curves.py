"""Curves of a classifier: ROC, precision against recall, calibration; and precision, recall and F1 of each class.

Shapes: N samples, K classes, T thresholds, B bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

BINS = 15  # of confidence, as in Guo et al. (2017)
MOST_CLASSES = 100  # with curves: each class sorts all samples
_POINTS = 2000  # of a curve


@dataclass(frozen=True)
class ClassScores:
    """How well one class is recognised.

    Attributes:
        precision: Share of the predictions of this class that are right; NaN if it was never predicted.
        recall: Share of its samples that are predicted as it; NaN if it has no samples.
        f1: 2·precision·recall / (precision + recall); NaN if it was neither there nor predicted.
        support: Its samples.
    """

    precision: float
    recall: float
    f1: float
    support: int


def class_scores(targets: np.ndarray, predicted: np.ndarray, num_classes: int) -> list[ClassScores]:
    """Return the scores of each class (K), from classes (N,) and predicted classes (N,)."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(targets, predicted, labels=range(num_classes), zero_division=np.nan)
    return [ClassScores(float(p), float(r), float(f), int(n)) for p, r, f, n in zip(*columns, strict=True)]


@dataclass(frozen=True)
class ClassCurves:
    """ROC and precision-recall curve of a class against all others.

    Attributes:
        false_positive_rate: Of each threshold (T,), ascending; beside it `true_positive_rate`.
        true_positive_rate: Of each threshold (T,).
        area: Area below the ROC curve (AUROC): 0.5 for guessing, 1 for a perfect order.
        recall: Of each threshold (T,); beside it `precision`.
        precision: Of each threshold (T,).
        average_precision: Mean precision, weighted by the gain in recall; for guessing the share of the class.
        share: Share of the class among the samples.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    area: float
    recall: np.ndarray
    precision: np.ndarray
    average_precision: float
    share: float


def class_curves(targets: np.ndarray, scores: np.ndarray) -> ClassCurves | None:
    """Return the curves of a class.

    Args:
        targets: Whether each sample is of the class (N,).
        scores: Its probability or score (N,).

    Returns:
        The curves, of at most 2,000 points; None if all samples are of the class, or none.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    if targets.all() or not targets.any():
        return None
    false_positives, true_positives, _ = roc_curve(targets, scores)
    precision, recall, _ = precision_recall_curve(targets, scores, drop_intermediate=True)
    area, mean = roc_auc_score(targets, scores), average_precision_score(targets, scores)
    first, second = _points(len(false_positives)), _points(len(recall))
    return ClassCurves(
        false_positives[first], true_positives[first], float(area),
        recall[::-1][second], precision[::-1][second], float(mean), float(targets.mean()),
    )  # fmt: skip


def _points(count: int) -> np.ndarray:
    """Return the places of the points that are kept of so many."""
    return np.unique(np.linspace(0, count - 1, _POINTS).astype(np.int64))


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities are what they say: predicted probability against frequency, in bins of equal width.

    Attributes:
        error: Expected calibration error: the mean distance of probability and frequency over the samples.
        predicted: Mean probability in each bin that is not empty (B,).
        observed: Frequency in each of them (B,).
        counts: Samples in each of them (B,).
    """

    error: float
    predicted: np.ndarray
    observed: np.ndarray
    counts: np.ndarray


def calibration(probabilities: np.ndarray, targets: np.ndarray) -> Calibration:
    """Return the calibration of probabilities (N, K) for classes (N,).

    For two classes: the probability of class 1, against its frequency. For more: the probability of the predicted
    class, against how often it is right.

    Reference: Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", arXiv:1706.04599.
    """
    from sklearn.calibration import calibration_curve
    from torchmetrics.functional.classification import binary_calibration_error

    if probabilities.shape[1] == 2:
        confidence, true = probabilities[:, 1], targets == 1
    else:
        confidence, true = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    confidence = np.clip(confidence, 0.0, 1.0)
    frequency, mean = calibration_curve(true.astype(int), confidence, n_bins=BINS)
    error = binary_calibration_error(
        torch.from_numpy(confidence), torch.from_numpy(true).long(), n_bins=BINS, norm="l1"
    )
    # In the bins of scikit-learn, which leaves out empty ones.
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence))
    return Calibration(float(error), mean, frequency, counts[counts > 0])
