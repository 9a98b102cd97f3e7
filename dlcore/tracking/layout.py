"""TensorBoard's Custom Scalars tab: train and validation of one quantity on one chart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

CATEGORY = "train and validation"


class TrainValidationLayout:
    """Collects names of metrics and makes a chart of every pair ``train/X`` and ``val/X``, titled X."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._pairs: list[str] = []

    @property
    def pairs(self) -> tuple[str, ...]:
        """The X of each pair, in the order in which they became complete."""
        return tuple(self._pairs)

    def add(self, names: Iterable[str]) -> bool:
        """Take note of metrics that exist. Returns whether a pair became complete, so that the layout changed."""
        before = len(self._pairs)
        for name in names:
            if name in self._names:
                continue
            self._names.add(name)
            kind, _, title = name.partition("/")
            other = {"train": "val", "val": "train"}.get(kind)
            if title and f"{other}/{title}" in self._names:
                self._pairs.append(title)
        return len(self._pairs) > before

    def to_summary(self) -> Summary:
        """The layout as TensorBoard keeps it. Of several in one run TensorBoard shows the last."""
        from torch.utils.tensorboard.summary import custom_scalars

        # Tags are regular expressions that TensorBoard matches from the start only: without the $, loss is loss_l2 too.
        charts = {
            title: ["Multiline", [f"{re.escape(f'{kind}/{title}')}$" for kind in ("train", "val")]]
            for title in self._pairs
        }
        return custom_scalars({CATEGORY: charts})
