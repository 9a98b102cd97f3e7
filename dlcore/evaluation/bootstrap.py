"""Confidence intervals by the bootstrap: draw the samples again, with replacement, and compute each metric anew.

A draw is held as weights: how often each sample was drawn. So every metric below is a function of weights, for a mean
of samples as for F1, R² and AUROC, and many draws are computed at once.

Reference: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13 (percentile interval).

Shapes: N samples, R draws, K classes, O outputs of a regression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 1000
_AT_ONCE = 2_000_000  # weights in memory
_MOST = 200_000_000  # weights in all; fewer draws for more than 200,000 samples
_FEWEST = 200  # draws
_LEAST_SHARE = 0.95  # of the draws must give a number

# From weights (R, N) to each metric by name (R,).
Statistic = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95% confidence interval.

    Attributes:
        value: The metric.
        low: Lower end of the interval; NaN if there is none.
        high: Upper end; NaN if there is none.
    """

    value: float
    low: float = np.nan
    high: float = np.nan

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


def resamples_of(samples: int, wanted: int = RESAMPLES) -> int:
    """Return how many draws are made of so many samples."""
    return max(min(wanted, _FEWEST), min(wanted, _MOST // max(samples, 1)))


def bootstrap(statistic: Statistic, samples: int, seed: int = 0, wanted: int = RESAMPLES) -> dict[str, Estimate]:
    """Return each metric with the interval from the 2.5% to the 97.5% quantile of its draws.

    A metric gets no interval if there are fewer than two samples, if more than 5% of the draws have no value (a class
    is missing in them), or if all draws agree. Only an accuracy of 0 or 1 then gets one, the exact binomial interval
    (Clopper and Pearson 1934): of 20 samples that are all right, the next may be wrong.

    Args:
        statistic: The metrics as a function of weights.
        samples: Number of samples (N); of text the number of documents.
        seed: Seed of the draws.
        wanted: Number of draws (R); fewer are made of more than 200,000 samples (`resamples_of`).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {name: float(found[0]) for name, found in statistic(np.ones((1, samples))).items()}
        if samples < 2:
            return {name: Estimate(value) for name, value in values.items()}
        drawn: dict[str, list[np.ndarray]] = {name: [] for name in values}
        generator, left = np.random.default_rng(seed), resamples_of(samples, wanted)
        while left:
            rows = min(left, max(1, _AT_ONCE // samples))
            left -= rows
            weights = np.stack(
                [np.bincount(generator.integers(0, samples, samples), minlength=samples) for _ in range(rows)]
            )
            for name, found in statistic(weights.astype(np.float64)).items():
                drawn[name].append(found)
    estimates = {name: _estimate(value, np.concatenate(drawn[name])) for name, value in values.items()}
    if values.get("accuracy") in (0, 1):
        estimates["accuracy"] = _exact(values["accuracy"], samples)
    return estimates


def _exact(share: float, samples: int) -> Estimate:
    """Return the interval of a share that is 0 or 1 in all samples, by the binomial distribution."""
    from scipy.stats import binomtest

    interval = binomtest(round(share * samples), samples).proportion_ci(0.95, "exact")
    return Estimate(share, float(interval.low), float(interval.high))


def _estimate(value: float, drawn: np.ndarray) -> Estimate:
    there = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or len(there) < _LEAST_SHARE * len(drawn):
        return Estimate(value)
    low, high = np.quantile(there, (0.025, 0.975))
    return Estimate(value, float(low), float(high)) if low < high else Estimate(value)


def class_statistic(
    targets: np.ndarray, predicted: np.ndarray, num_classes: int, scores: np.ndarray | None = None
) -> Statistic:
    """Return ``accuracy`` and ``f1``, the mean of the classes' F1 scores; with scores also ``auroc``.

    Args:
        targets: Classes (N,).
        predicted: Predicted classes (N,).
        num_classes: Number of classes (K). A class that is neither target nor prediction does not count in ``f1``.
        scores: Scores of class 1 of two (N,).
    """
    from scipy.sparse import csr_matrix

    places, right = np.arange(len(targets)), (targets == predicted).astype(np.float64)

    def members(classes: np.ndarray, values: np.ndarray) -> Any:
        return csr_matrix((values, (places, classes)), shape=(len(places), num_classes))

    true, guessed = members(targets, np.ones_like(right)), members(predicted, np.ones_like(right))
    hits = members(targets, right)
    auroc = None if scores is None else _auroc(targets, scores)

    def compute(weights: np.ndarray) -> dict[str, np.ndarray]:
        both = weights @ true + weights @ guessed  # 2 TP + FP + FN of each class (R, K)
        f1 = np.where(both > 0, 2 * (weights @ hits) / both, np.nan)
        found = {"accuracy": weights @ right / weights.sum(axis=1), "f1": _mean(f1)}
        return found if auroc is None else {**found, "auroc": auroc(weights)}

    return compute


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the means of the numbers in rows, without NaN; no warning for a row without any."""
    there = np.isfinite(values)
    means: np.ndarray = np.where(there, values, 0).sum(axis=1) / there.sum(axis=1)
    return means


def _auroc(targets: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    order = np.argsort(scores, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])  # of each group of equal scores
    positive = (targets[order] == 1).astype(np.float64)

    def compute(weights: np.ndarray) -> np.ndarray:
        sorted_ = weights[:, order]
        ones = np.add.reduceat(sorted_ * positive, first, axis=1)
        zeros = np.add.reduceat(sorted_ * (1 - positive), first, axis=1)
        below = np.cumsum(zeros, axis=1) - zeros / 2  # of class 0 with a lower score; equal scores count half
        area: np.ndarray = (ones * below).sum(axis=1) / (ones.sum(axis=1) * zeros.sum(axis=1))
        return area

    return compute


def regression_statistic(predicted: np.ndarray, targets: np.ndarray) -> Statistic:
    """Return ``mae``, ``rmse`` and ``r2`` (the mean of the outputs' R²) of predictions and targets, both (N, O)."""
    errors = predicted - targets
    squares = errors**2
    centred = targets - targets.mean(axis=0)  # the same spread, with smaller rounding errors
    absolute, square = np.abs(errors).mean(axis=1), squares.mean(axis=1)

    def compute(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(axis=1)
        spread = weights @ centred**2 - (weights @ centred) ** 2 / total[:, None]
        spread[spread <= 1e-12 * (weights @ centred**2)] = np.nan  # equal targets
        return {
            "mae": weights @ absolute / total,
            "rmse": np.sqrt(weights @ square / total),
            "r2": (1 - weights @ squares / spread).mean(axis=1),
        }

    return compute


def mean_statistic(name: str, values: np.ndarray, shares: np.ndarray | None = None) -> Statistic:
    """Return the mean of values (N,), each weighted by its share (N,); None: by 1."""
    shares = np.ones_like(values) if shares is None else shares
    return lambda weights: {name: weights @ (values * shares) / (weights @ shares)}


def text_statistic(nats: np.ndarray, bits: np.ndarray, counts: np.ndarray) -> Statistic:
    """Return ``loss``, ``perplexity``, ``bits_per_character``, ``unknown_share`` and ``accuracy`` of documents.

    Args:
        nats: Sum of the losses of each document (N,).
        bits: All bits of each document, with the spelling of unknown words (N,).
        counts: Tokens, characters, unknown words and correct predictions of each document (4, N).
    """

    def compute(weights: np.ndarray) -> dict[str, np.ndarray]:
        tokens, characters, unknown, right = (weights @ each for each in counts)
        loss = weights @ nats / tokens
        return {
            "loss": loss,
            "perplexity": np.exp(loss),
            "bits_per_character": weights @ bits / characters,
            "unknown_share": unknown / tokens,
            "accuracy": right / tokens,
        }

    return compute


def together(*statistics: Statistic) -> Statistic:
    """Return one statistic with the metrics of all."""
    return lambda weights: {name: value for each in statistics for name, value in each(weights).items()}
