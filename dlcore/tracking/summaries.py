"""TensorBoard summaries of numbers, histograms and figures for `RunLogger`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.png_file import replace_png
from dlcore.tracking.histogram import Histogram

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from tensorboard.compat.proto.summary_pb2 import Summary


def number_of(name: str, value: Any) -> float:
    """Convert a metric to a number.

    Raises:
        ArgumentError: It is not one number.
    """
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()
    try:
        return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"metrics[{name!r}]", "a number", value, "Log its mean or its parts.") from error


def scalars_summary(curves: Mapping[str, float]) -> Summary:
    """Return a summary with one point per curve."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=y) for name, y in curves.items()])


def histogram_summary(tag: str, counted: Histogram, known: set[str]) -> Summary:
    """Return a summary with a histogram and the counts of NaN and infinite values.

    Args:
        tag: Its name.
        counted: The histogram.
        known: Curves ``<tag>/nan`` and ``<tag>/infinite`` that already exist: they continue, also with 0. Updated here.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    summary = counted.to_summary(tag)
    for kind, number in (("nan", counted.nan), ("infinite", counted.infinite)):
        name = f"{tag}/{kind}"
        if number or name in known:
            known.add(name)
            summary.value.append(Summary.Value(tag=name, simple_value=number))
    return summary


def figure_summary(tag: str, draw: Callable[[], Figure], path: Path | None) -> Summary:
    """Draw a figure and return its summary; write it to a file too, if there is a path."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    from dlcore.tracking.figures.style import to_png

    try:
        content, width, height = to_png(draw())
        if path is not None:
            replace_png(content, path)
    except Exception as error:
        error.add_note(f"(figure {tag})")
        raise
    image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=content)
    return Summary(value=[Summary.Value(tag=tag, image=image)])
