"""TensorBoard's Custom Scalars tab: training and validation of one quantity on one chart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlcore.tracking.metric_pairs import aliases

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

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
