"""Figure: the samples with the worst predictions, each with its true and its predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlcore.tracking.figures import style
from dlcore.tracking.figures.captioned_pictures import captioned_pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def worst_predictions(
    pictures: Any,
    true: Sequence[str],
    predicted: Sequence[str],
    true_shares: Sequence[float],
    predicted_shares: Sequence[float],
    title: str = "The worst predictions",
    limits: tuple[float | None, float | None] = (None, None),
) -> Figure:
    """Draw the worst-predicted pictures, the worst first.

    Args:
        pictures: The pictures, an array or a tensor on the CPU. Shape: (N, C, H, W).
        true: The true class of each.
        predicted: The predicted class of each.
        true_shares: Predicted probability of the true class.
        predicted_shares: Predicted probability of the predicted class.
        title: Title of the figure.
        limits: Values of black and white; None: minimum and maximum.

    Raises:
        ArgumentError: There is no picture, or classes are missing.
    """
    rows = list(zip(true, predicted, true_shares, predicted_shares, strict=True))
    captions = [
        (f"taken for {answer}", _percent(answer_share), f"is {name}", _percent(share))
        if answer != name
        else (f"rightly {name}", _percent(share))
        for name, answer, share, answer_share in rows
    ]
    colors = [style.VERMILION if answer != name else style.GREEN for name, answer, _, _ in rows]
    return captioned_pictures(pictures, captions, title, colors, limits=limits)


def _percent(share: float) -> str:
    """Format a probability without rounding it to 0% or 100%."""
    if share != share:
        return "NaN"
    if share < 0.0005:
        return "< 0.1%"
    return "> 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"
