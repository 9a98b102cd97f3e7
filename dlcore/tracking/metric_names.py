"""What a metric's name says of it: whether more is better, whether it is a share, and which of several tells most."""

from __future__ import annotations

from collections.abc import Collection

# Shares of 1, shown as percentages; all are better the greater they are.
_SHARES = ("accuracy", "f1", "precision", "recall", "auroc")
# What is said wherever such a number is shown.
GAP = "gap: by how much validation is worse than training; below 0 it is better"
# R², which may be below 0, is none.
_GREATER = (*_SHARES, "r2")


def is_greater(metric: str) -> bool:
    """Whether more of a metric is better: ``val/top5_accuracy`` yes, ``val/loss`` no."""
    return _quantity(metric) in _GREATER


def gap(metric: str, train: float, val: float) -> float:
    """By how much validation is worse than training; below 0 where it is better. Of a loss and of an accuracy alike."""
    return train - val if is_greater(metric) else val - train


def is_share(metric: str) -> bool:
    """Whether a metric is a share from 0 to 1, shown as a percentage."""
    return _quantity(metric) in _SHARES


def spoken(quantity: str) -> str:
    """A metric's name without its part, as figures and pages show it: ``bits per character``, ``R²``."""
    return "R²" if quantity == "r2" else quantity.replace("_", " ")


def main_metric(names: Collection[str]) -> str:
    """The metric that tells most, of names without a part: of text bits per character, else accuracy, else R².

    Where there is none of the three, it is the first by the alphabet.
    """
    told = sorted(name for name in names if not name.endswith(("_step", "penalty")))
    ranks = ("bits_per_character", "accuracy", "r2", *(name for name in told if name != "loss"))
    return next((name for name in ranks if name in names), "loss")


def _quantity(metric: str) -> str:
    return metric.rpartition("/")[2].rpartition("_")[2]
