"""TensorBoard's Custom Scalars tab: train and validation of one quantity on one chart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlcore.tracking.metric_pairs import aliases

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

CATEGORY = "train and validation"


class TrainValidationLayout:
    """Collects names of metrics and makes a chart of every pair ``train/X`` and ``val/X``, titled X.

    Metrics of other names (``train_loss``, ``valid/loss``) are paired by what they mean, see `aliases`.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._tags: dict[str, str] = {}  # canonical name → the metric's own
        self._pairs: list[str] = []

    @property
    def pairs(self) -> tuple[str, ...]:
        """The X of each pair, in the order in which they became complete."""
        return tuple(self._pairs)

    def add(self, names: Iterable[str]) -> bool:
        """Take note of metrics that exist. Returns whether a pair became complete, so that the layout changed."""
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
        """The layout as TensorBoard keeps it. Of several in one run TensorBoard shows the last."""
        from torch.utils.tensorboard.summary import custom_scalars

        # Tags are regular expressions that TensorBoard matches from the start only: without the $, loss is loss_l2 too.
        charts = {
            title: ["Multiline", [f"{re.escape(self._tags[f'{kind}/{title}'])}$" for kind in ("train", "val")]]
            for title in self._pairs
        }
        return custom_scalars({CATEGORY: charts})
