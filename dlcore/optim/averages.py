"""The exponentially weighted average (chapter "optimisers and averages")."""

from __future__ import annotations

from collections.abc import Iterable

from dlcore.errors import check_number


def exponential_average(values: Iterable[float], beta: float = 0.9) -> list[float]:
    """Smooth a curve: S₁ = Y₁, Sₜ = beta·Sₜ₋₁ + (1 - beta)·Yₜ, about the mean of the last 1/(1 - beta) values.

    Args:
        values: The curve (Y).
        beta: Weight of the previous average, in [0, 1); 0: no smoothing.

    Returns:
        The smoothed curve (S), as long as the values.
    """
    check_number("beta", beta, at_least=0, below=1)
    smoothed: list[float] = []
    for value in values:
        smoothed.append(beta * smoothed[-1] + (1 - beta) * value if smoothed else value)
    return smoothed
