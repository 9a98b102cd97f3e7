"""Labels that a classifier doubts: confident learning.

Shapes: N samples, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelErrors:
    """Samples whose label is doubted, the most doubted first (M).

    Attributes:
        places: Their places among the samples (M,).
        likely: The class that each is taken for (M,).
        margins: Probability of the given label minus that of the likeliest other class (M,), ascending.
        thresholds: Of each class (K): the mean probability of it over the samples with its label; NaN without any.
    """

    places: np.ndarray
    likely: np.ndarray
    margins: np.ndarray
    thresholds: np.ndarray


def find_label_errors(probabilities: np.ndarray, labels: np.ndarray) -> LabelErrors:
    """Find the labels that out-of-sample probabilities contradict.

    A sample counts for a class if its probability reaches the class's threshold: the mean probability of the class over
    the samples with its label, which is low for a class that is hard to tell. A label is doubted if its sample counts
    for another class more than for its own. The doubted are ordered by their normalised margin.

    Args:
        probabilities: Of each class (N, K), from models that were not trained on the sample.
        labels: Given labels (N,).

    Reference: Northcutt, Jiang and Chuang (2021), "Confident learning: estimating uncertainty in dataset labels",
    arXiv:1911.00068.
    """
    classes, own = np.arange(probabilities.shape[1]), probabilities[np.arange(len(labels)), labels]
    sizes = np.bincount(labels, minlength=len(classes))
    with np.errstate(divide="ignore", invalid="ignore"):
        thresholds = np.bincount(labels, own, minlength=len(classes)) / sizes
    counts = probabilities >= np.nan_to_num(thresholds, nan=np.inf)
    likely = np.where(counts, probabilities, -1.0).argmax(axis=1)
    others = np.where(classes == labels[:, None], -np.inf, probabilities)
    margins = own - others.max(axis=1)
    doubted = np.flatnonzero(counts.any(axis=1) & (likely != labels))
    places = doubted[np.argsort(margins[doubted], kind="stable")]
    return LabelErrors(places, likely[places], margins[places], thresholds)
