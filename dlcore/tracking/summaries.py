"""TensorBoard summaries for `RunLogger`: numbers, histograms, figures, and the layout of the Custom Scalars tab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dlcore.errors import ArgumentError
from dlcore.tracking.figures.style import replace_png
from dlcore.tracking.histogram import Histogram
from dlcore.tracking.metric_pairs import aliases

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


CATEGORY = "train and validation"


class TrainValidationLayout:
    """Layout with one chart, titled X, for every pair of metrics ``train/X`` and ``val/X``.

    Metrics with other names (``train_loss``, ``valid/loss``) are paired by their meaning, see `aliases`.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._tags: dict[str, str] = {}  # canonical name → the metric's own
        self._pairs: list[str] = []

    @property
    def pairs(self) -> tuple[str, ...]:
        """The X of each pair, in the order of completion."""
        return tuple(self._pairs)

    def add(self, names: Iterable[str]) -> bool:
        """Add names of metrics. Return whether a pair was completed, so that the layout changed."""
        known = len(self._names)
        self._names |= dict.fromkeys(names)
        if len(self._names) == known:
            return False
        self._tags = {name: name for name in self._names} | aliases(self._names)
        before = len(self._pairs)
        for name in self._tags:
            title = name.removeprefix("val/")
            if title and title != name and f"train/{title}" in self._tags and title not in self._pairs:
                self._pairs.append(title)
        return len(self._pairs) > before

    def to_summary(self) -> Summary:
        """Return the layout as a TensorBoard summary. TensorBoard shows the last one of a run."""
        from torch.utils.tensorboard.summary import custom_scalars

        # TensorBoard matches tags as regular expressions from the start only: without $, loss would match loss_l2.
        charts = {
            title: ["Multiline", [f"{re.escape(self._tags[f'{kind}/{title}'])}$" for kind in ("train", "val")]]
            for title in self._pairs
        }
        return custom_scalars({CATEGORY: charts})
