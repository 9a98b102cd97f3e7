"""What a metric's name says of it: whether more is better, and whether it is a share."""

from __future__ import annotations

# Shares of 1, shown as percentages; all are better the greater they are.
_SHARES = ("accuracy", "f1", "precision", "recall", "auroc")
# R², which may be below 0, is none.
_GREATER = (*_SHARES, "r2")


def is_greater(metric: str) -> bool:
    """Whether more of a metric is better: ``val/top5_accuracy`` yes, ``val/loss`` no."""
    return _quantity(metric) in _GREATER


def is_share(metric: str) -> bool:
    """Whether a metric is a share from 0 to 1, shown as a percentage."""
    return _quantity(metric) in _SHARES


def _quantity(metric: str) -> str:
    return metric.rpartition("/")[2].rpartition("_")[2]
